import tempfile

from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from ..deliveries import archive

PARAMETER = "call_center_billing.upload_max_%s"
LIMITS = {"unpacked_mb": 2048, "file_mb": 1024, "files": 1000}


class CallUpload(models.TransientModel):
    """Several files at once, packed or not, as imports. All of them become imports, or none does and it says why."""

    _name = "call.upload"
    _description = "Upload Call Records"

    source_id = fields.Many2one(
        "call.source",
        string="Call Source",
        required=True,
        default=lambda self: self._default_source(),
        help="The phone system that wrote the files.",
    )
    attachment_ids = fields.Many2many(
        "ir.attachment",
        string="Choose Files",
        help="Files as the phone system wrote them, or .zip and .gz archives of them.",
    )

    def _default_source(self):
        """The source, where there is only one."""
        sources = self.env["call.source"].search([], limit=2)
        return sources if len(sources) == 1 else sources.browse()

    def action_import(self):
        """Import the files: small ones now, others in the background.

        :return: the list of the imports
        """
        self.ensure_one()
        attachments = self._uploaded()
        imports = self.env["call.import"]
        with tempfile.TemporaryDirectory() as workdir, archive.Unpacker(self._limits()) as unpacker:
            try:
                files = [
                    file
                    for attachment in attachments.sorted("id")
                    for file in unpacker.files(attachment._content_path(workdir), attachment.name)
                ]
                for group in imports._grouped(self.source_id, files):
                    imports |= imports._create_from_files(self.source_id, group, "upload")
            except archive.ArchiveError as error:
                raise UserError(self._archive_error_text(error)) from error
        imports.action_import()
        attachments.unlink()
        action = self.env["ir.actions.act_window"]._for_xml_id("call_center_billing.call_import_action")
        return action | {
            "display_name": self.env._("Uploaded Files"),
            "domain": [("id", "in", imports.ids)],
            "context": {"default_source_id": self.source_id.id},
        }

    def _uploaded(self):
        """:raise AccessError: an attachment that this user did not upload here"""
        if not self.attachment_ids:
            raise UserError(self.env._("Choose at least one file."))
        for attachment in self.attachment_ids:
            if attachment.res_model != self._name or attachment.res_field or attachment.create_uid != self.env.user:
                raise AccessError(self.env._("Only files that you uploaded here can be imported."))
        return self.attachment_ids

    def _limits(self):
        get_param = self.env["ir.config_parameter"].sudo().get_param
        limits = {}
        for name, default in LIMITS.items():
            value = get_param(PARAMETER % name, "")
            limits[name] = int(value) if value.isdigit() else default
        return archive.Limits(
            total=limits["unpacked_mb"] * archive.MEGABYTE,
            entry=limits["file_mb"] * archive.MEGABYTE,
            entries=limits["files"],
        )

    def _archive_error_text(self, error):
        limits = self._limits()
        values = {"name": error.name, "files": limits.entries, "total": limits.total // archive.MEGABYTE}
        values |= {"file": limits.entry // archive.MEGABYTE, "ratio": archive.MAX_RATIO}
        text = {
            "broken": self.env._("%(name)s is damaged or incomplete: send it again.", **values),
            "empty": self.env._("There is no file in %(name)s.", **values),
            "encrypted": self.env._("%(name)s is protected by a password: upload it without.", **values),
            "method": self.env._("%(name)s is packed in an unusual way: pack it again as an ordinary zip (deflate).", **values),
            "nested": self.env._("%(name)s is an archive inside an archive: unpack it and upload what is in it.", **values),
            "ratio": self.env._(
                "%(name)s would unpack to more than %(ratio)s times its size, as harmful archives do: upload it unpacked.",
                **values,
            ),
            "entries": self.env._(
                "%(name)s: an upload may hold up to %(files)s packed files. Upload it in several archives.", **values
            ),
            "entry_size": self.env._("%(name)s would unpack to more than %(file)s MB: split it.", **values),
            "size": self.env._(
                "%(name)s: all archives of an upload together may unpack to %(total)s MB. Upload them one after another.",
                **values,
            ),
        }[error.code]
        return self.env._("%s\n\nNothing was imported.", text)
