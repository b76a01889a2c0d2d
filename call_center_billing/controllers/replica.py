"""What may be read from a replica of the database, which may be some seconds behind."""

from odoo.http import request


def may_lag(*_endpoint):
    """For ``readonly`` of pages: whether this one may be a moment old. Not where the client has just sent something, which it has to see:
    that is what ``message`` in the address says."""
    return "message" not in request.httprequest.args


def may_lag_but_pdf(*_endpoint):
    """For pages whose PDF is made, and kept, when it is asked for first."""
    return may_lag() and request.httprequest.args.get("report_type") != "pdf"
