import base64
import json

from odoo import fields, models
from odoo.exceptions import UserError

from ..formats.normalised import KEYS

MAX_RECORDS = 10_000
MAX_BYTES = 16 * 1024 * 1024


class CallSource(models.Model):
    """Deliveries by other programs, through Odoo's external API."""

    _inherit = "call.source"  # pylint: disable=consider-merging-classes-inherited

    def load_records(self, records):
        """Import call records and tell what became of each, in one transaction: all of the batch or, on an error, nothing.

        A record that was loaded before is a duplicate, so a batch whose answer was lost is simply sent again.

        :param records: list of at most 10,000 dicts with the names of the normalised record: ``record_ref`` and ``start``
            (ISO 8601 with offset) always, ``direction`` and ``disposition`` for calls; see ``formats.normalised``. The
            format of the source does not matter
        :return: list of dicts in the same order: ``record_ref``, ``outcome``, ``reason`` (a code, or False). Outcomes are
            ``accepted``; ``duplicate``; ``ignored``; ``refused``, the record is wrong and is to be sent again corrected;
            ``suspended``, the record is kept until somebody, for example, adds the endpoint it belongs to. Both of the last
            are listed with their reason in Suspended Records
        :raise UserError: the batch as a whole cannot be used; nothing was stored
        :raise AccessError: the user may not import calls, or not those of this source
        """
        self.ensure_one()
        self.env["call.import"].check_access("create")
        self.check_access("read")
        content = self._records_content(records)
        if not records:
            return []
        # One after the other: programs that load at once wait here, and are taken up again by Odoo's own retry.
        self.env.cr.execute("UPDATE call_source SET id = id WHERE id = %s", [self.id])
        now = fields.Datetime.now().strftime("%Y-%m-%d %H-%M-%S")
        call_import = (
            self.env["call.import"]
            .with_company(self.company_id)
            .create(
                {
                    "source_id": self.id,
                    "name": self.env._("API %(now)s UTC (%(count)s).jsonl", now=now, count=len(records)),
                    "delivery": "api",
                    "format": "normalised_json",
                    "file": base64.b64encode(content),
                }
            )
        )
        call_import._import()
        if call_import.state == "repeated":
            outcomes = dict.fromkeys(range(1, len(records) + 1), ("duplicate", None))
        else:
            outcomes = self.env["call.loading"]._outcomes()
        return [
            {"record_ref": record.get("record_ref", False), "outcome": outcomes[line][0], "reason": outcomes[line][1] or False}
            for line, record in enumerate(records, 1)
        ]

    def _records_content(self, records):
        """The records as JSON lines.

        :raise UserError: they are too many, or no records
        """
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise UserError(self.env._("Send the records as a list of objects, such as %s.", '[{"record_ref": "1", ...}]'))
        if len(records) > MAX_RECORDS:
            raise UserError(
                self.env._(
                    "%(count)s records are too many: send at most %(limit)s at once.", count=len(records), limit=MAX_RECORDS
                )
            )
        unknown = sorted({str(name) for record in records for name in record}.difference(KEYS))
        if unknown:
            raise UserError(
                self.env._(
                    "'%(name)s' is not the name of anything in a call record. The names are: %(names)s.",
                    name=unknown[0],
                    names=", ".join(KEYS),
                )
            )
        content = "".join(json.dumps(record, default=str) + "\n" for record in records).encode()
        if len(content) > MAX_BYTES:
            raise UserError(self.env._("The records are too large: send at most %s MB at once.", MAX_BYTES // 1024 // 1024))
        return content
