import filecmp
import hashlib
import os
import uuid
from datetime import timedelta
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

UPLOADED_FOR = "call.upload"
UPLOAD_KEPT = timedelta(days=1)
SIGNED = {
    "raw",
    "datas",
    "db_datas",
    "store_fname",
    "checksum",
    "res_model",
    "res_id",
    "res_field",
    "type",
    "url",
    "mimetype",
    "name",
}
"""What of a signed document never changes."""
MAX_BYTES = 2**31 - 1  # what Odoo's file_size can tell


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    @api.model_create_multi
    def create(self, vals_list):
        if any(vals.get("res_model") == UPLOADED_FOR for vals in vals_list):
            return super(IrAttachment, self.with_context(call_records=True)).create(vals_list).with_env(self.env)
        return super().create(vals_list)

    def write(self, vals):
        if set(vals) & SIGNED:
            self._check_not_signed()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_not_signed(self):
        self._check_not_signed()

    def _check_not_signed(self):
        """:raise UserError: one of them is the signed document of an agreement"""
        if signed := self.env["call.agreement"].sudo().search([("document_id", "in", self.ids)], limit=1):
            raise UserError(self.env._("This is the signed document of %s: it stays as it is.", signed.name))

    @api.model
    def _index(self, bin_data, file_type, checksum=None):
        """Call records are searched as calls; Odoo would copy the whole text file into the database to search it too."""
        if self.env.context.get("call_records"):
            return None
        return super()._index(bin_data, file_type, checksum=checksum)

    @api.model
    def _file_write(self, bin_value, checksum):
        """A file comes into the store whole or not at all. What a full disk or a killed worker left of one would keep its content from
        ever being stored again: it would seem to collide."""
        name, path = self._get_path(bin_value, checksum)
        if not os.path.exists(path):
            part = self._file_store_path(uuid.uuid4().hex)
            try:
                Path(part).write_bytes(bin_value)
                self._mark_for_gc(name)
                os.replace(part, path)
            finally:
                Path(part).unlink(missing_ok=True)
        return name

    @api.model
    def _store_call_records(self, call_import, chunks):
        """Make the file of an import, as its field would, but from chunks that go straight into the file store.

        The row comes first: as long as its transaction runs, Odoo does not clean up the file store. What is left of an
        interrupted transaction is on the list of that clean-up.

        :raise UserError: the file is too large
        """
        attachment = self.create(
            {
                "name": "file",
                "res_model": call_import._name,
                "res_field": "file",
                "res_id": call_import.id,
                "mimetype": "application/octet-stream",
            }
        )
        call_import.invalidate_recordset(["file"])
        if self._storage() != "file":
            content = b"".join(self._within_size(chunks))
            attachment.with_context(call_records=True).write({"raw": content, "mimetype": attachment.mimetype})
            return
        path = self._file_store_path(uuid.uuid4().hex)
        digest, size = hashlib.sha1(usedforsecurity=False), 0
        try:
            with open(path, "xb") as stream:
                for chunk in self._within_size(chunks):
                    digest.update(chunk)
                    size += stream.write(chunk)
                stream.flush()
                os.fsync(stream.fileno())
            if not size:
                return
            target = self._file_store_path(digest.hexdigest())
            if not os.path.exists(target):
                os.replace(path, target)
            elif not filecmp.cmp(path, target, shallow=False):
                raise UserError(self.env._("The attachment collides with an existing file."))
        finally:
            Path(path).unlink(missing_ok=True)
        self.env.cr.execute(
            SQL(
                "UPDATE ir_attachment SET store_fname = %s, checksum = %s, file_size = %s WHERE id = %s",
                self._file_store_name(digest.hexdigest()),
                digest.hexdigest(),
                size,
                attachment.id,
            )
        )
        attachment.invalidate_recordset()

    @api.model
    def _within_size(self, chunks):
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > MAX_BYTES:
                raise UserError(self.env._("The file is larger than 2 GB: split it into several files."))
            yield chunk

    @api.model
    def _file_store_name(self, checksum):
        return f"{checksum[:2]}/{checksum}"

    @api.model
    def _file_store_path(self, checksum):
        """Where a file goes that the clean-up removes unless an attachment has it."""
        name = self._file_store_name(checksum)
        path = self._full_path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._mark_for_gc(name)
        return path

    def _content_path(self, workdir):
        """A file with the content: that of the file store where there is one.

        :param workdir: a directory of the caller, who removes it
        """
        if self.store_fname:
            return self._full_path(self.store_fname)
        path = Path(workdir) / f"content{self.id}"
        path.write_bytes(self.raw or b"")
        return str(path)

    @api.autovacuum
    def _gc_call_uploads(self):
        """Files that were uploaded for a wizard that nobody finished."""
        self.sudo().search(
            [("res_model", "=", UPLOADED_FOR), ("create_date", "<", fields.Datetime.now() - UPLOAD_KEPT)], limit=1000
        ).unlink()
