from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.http import request

from .portal import send_file


class CallArchiveDownload(http.Controller):
    """The file of archived calls, for staff who may see whole numbers."""

    @http.route("/call_center_billing/archive/<int:archive_id>", type="http", auth="user")
    def archive_file(self, archive_id):
        archive = request.env["call.archive"].browse(archive_id)
        try:
            archive._check_download()
        except (AccessError, MissingError):
            raise request.not_found() from None
        return send_file(archive._download(), archive.statement_id.sudo()._document_name("parquet"), "parquet")
