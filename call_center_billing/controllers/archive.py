import tempfile

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
        statement = archive.statement_id.sudo()
        with tempfile.TemporaryDirectory() as workdir:
            stream = open(archive._download(workdir), "rb")
            return send_file(stream, statement._document_name("parquet"), "parquet")
