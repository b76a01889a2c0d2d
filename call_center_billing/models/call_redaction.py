"""What must not stay in a stored file of call records is crossed out there."""

import logging
import tempfile

from odoo import models

from .. import formats
from ..deliveries import archive
from ..formats import card_numbers

_logger = logging.getLogger(__name__)

AT_ONCE = 10_000
"""Records of which card numbers are taken; a file with more of them is removed as a whole."""


class CallImport(models.Model):
    """The file of an import is kept as it came, but for numbers of payment cards, and numbers of callers that were erased: their digits
    are crossed out. What cannot be changed in its place, such as a workbook, is removed. The checksum stays that of the file as it came,
    so it is known when it comes again."""

    _inherit = "call.import"  # pylint: disable=consider-merging-classes-inherited

    def _finish(self):
        res = super()._finish()
        self._cross_out_cards()
        return res

    def _cross_out_cards(self):
        """Cross out in the file what was crossed out in the suspended records."""
        self.ensure_one()
        held = self.env["call.suspense"].sudo().search([("import_id", "=", self.id), ("reason", "=", "card_number")])
        if not held:
            return
        masked = {record.line_number: record.raw or "" for record in held[:AT_ONCE]}
        fmt = formats.get(self._format_code())
        with tempfile.TemporaryDirectory() as workdir:
            path = self._content_path(workdir)
            found = formats.raw_records(path, fmt, self._options(), set(masked))
            secrets = {each for place, text in found for each in card_numbers.differences(text, masked[place])}
        self._cross_out(secrets if len(held) <= AT_ONCE else None)

    def _cross_out(self, secrets):
        """Cross out texts in the file; remove it where that is not possible.

        :param secrets: set of texts with digits; None: remove it anyway
        :return: ``crossed`` or ``removed``, None where there was nothing
        """
        self.ensure_one()
        attachment = self._content_attachment()
        if not attachment or secrets is not None and not secrets:
            return None
        with tempfile.TemporaryDirectory() as workdir:
            path = self._content_path(workdir)
            changed = secrets is not None and self._is_plain(path) and self._has_any(path, secrets)
            if changed:
                chunks = card_numbers.bytes_without(archive.read_chunks(path), secrets)
                attachment.unlink()
                self.env["ir.attachment"].sudo()._store_call_records(self, chunks)
            else:
                attachment.unlink()
        self.invalidate_recordset(["file"])
        return "crossed" if changed else "removed"

    def _is_plain(self, path):
        """Whether the file is text rather than packed."""
        with open(path, "rb") as stream:
            return stream.read(2) not in (b"PK", b"\x1f\x8b", b"BZ")

    def _has_any(self, path, secrets):
        chunks = archive.read_chunks(path)
        wanted = [each.encode(code) for each in secrets for code in ("utf-8", "utf-16-le", "utf-16-be")]
        carry = b""
        for chunk in chunks:
            carry = carry[-100:] + chunk
            if any(each in carry for each in wanted):
                return True
        return False
