"""Everything about the number of a caller: found, given out, erased."""

import csv
import io
import json
import secrets
from datetime import timedelta

import xlsxwriter

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, escape_psql

from .call_masking import OWN_SIDE, masked
from .call_retention import digits_of, number_key
from .call_statement_document import cell

MANAGER = "call_center_billing.group_manager"
EXPORT_KEPT = timedelta(days=7)
SHORTEST = 6
"""Digits that a number has at least: extensions are of nobody in particular."""
GUARDED = {"state", "line_ids", "pseudonym", "looked_at", "erased_at", "number_shown"}
COLUMNS = (
    "what",
    "start",
    "direction",
    "caller",
    "called",
    "queue",
    "agent",
    "outcome",
    "seconds",
    "client",
    "recording",
    "text",
)
MIMETYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class CallErasure(models.Model):
    """The request of a caller to get, or to have erased, what is kept about its number.

    Erased means: in every call of the number it is replaced by one and the same name that leads nowhere; recording and record id go.
    What was counted, charged and invoiced stays. Calls that are not invoiced yet, are disputed or are under a legal hold are kept until
    they are not: the request waits, and the daily job goes on with it. When nothing is left the number leaves the request as well.
    The numbers of our clients' own lines are theirs, and stay.
    """

    _name = "call.erasure"
    _description = "Request of a Caller"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _rec_name = "number_shown"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    number = fields.Char(help="With country code, or as dialled in the company's country. Gone when everything is erased.")
    number_shown = fields.Char(string="Number, Digits Hidden", compute="_compute_number_shown", store=True)
    reason = fields.Char(string="Request", required=True, help="Who asked, how, and when.")
    state = fields.Selection(
        [("draft", "New"), ("found", "Looked Up"), ("waiting", "Partly Erased"), ("done", "Erased")],
        required=True,
        readonly=True,
        copy=False,
        default="draft",
        tracking=True,
    )
    line_ids = fields.One2many("call.erasure.line", "erasure_id", string="What Is Kept", readonly=True, copy=False)
    pseudonym = fields.Char(readonly=True, copy=False, help="What takes the place of the number in the calls.")
    looked_at = fields.Datetime(string="Looked Up on", readonly=True, copy=False)
    erased_at = fields.Datetime(string="Erased on", readonly=True, copy=False)

    @api.depends("number")
    def _compute_number_shown(self):
        for request in self:
            if request.number or not request.number_shown:
                request.number_shown = masked(request.number, 4)

    @api.model_create_multi
    def create(self, vals_list):
        requests = super().create(vals_list)
        if not self.env.su and requests.filtered(lambda request: request.state != "draft" or request.pseudonym):
            raise AccessError(self.env._("A request begins as a new one."))
        return requests

    def write(self, vals):
        guarded = GUARDED | ({"number", "company_id"} if self.filtered("erased_at") else set())
        if not self.env.su and guarded & set(vals):
            raise AccessError(self.env._("What was found and erased is written by looking and erasing only."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_not_erased(self):
        if self.filtered("erased_at"):
            raise UserError(self.env._("What was erased stays written down."))

    # --- Actions ------------------------------------------------------------------------------------------

    def action_look(self):
        """Look for the number in everything that is kept."""
        self._check_manager()
        for request in self:
            request._bring_archived_back()
            request._write_lines(request._find())
            if request.state == "draft":
                request.sudo().state = "found"

    def action_export_csv(self):
        return self._export("csv")

    def action_export_xlsx(self):
        return self._export("xlsx")

    def action_export_json(self):
        return self._export("json")

    def action_erase(self):
        """Replace the number wherever it may be, now."""
        self._check_manager()
        for request in self:
            request._bring_archived_back()
            request.sudo()._erase()

    def _check_manager(self):
        self.check_access("write")
        if not self.env.user.has_group(MANAGER):
            raise AccessError(self.env._("Only managers answer requests of callers."))
        if self.company_id - self.env.companies:
            raise AccessError(self.env._("Choose a company that you work in right now."))

    # --- Finding ------------------------------------------------------------------------------------------

    def _bring_archived_back(self):
        """Archived calls of the number are in the database again before they are looked for."""
        if self.number:
            reason = self.env._("Request of a caller: %s", self.reason)
            self.env["call.archive"]._bring_back_number(self.company_id, self._key(), reason)

    def _key(self):
        """:raise UserError: the number is too short to be somebody's"""
        self.ensure_one()
        key = number_key(self.number, self.company_id)
        if len(key) < SHORTEST:
            raise UserError(self.env._("Give the whole number, with its country code."))
        return key

    def _theirs(self, alias, own=False):
        """Condition that a call, or a suspended record, has the number: on a side that is not our client's own, or on its own."""
        sides = []
        for side, direction in OWN_SIDE.items():
            number = digits_of(alias, side) if alias == "u" else self._suspense_number(alias, side)
            is_own = SQL("%s = %s", SQL.identifier(alias, "direction"), direction)
            sides.append(SQL("(%s = %s AND (%s) IS %s)", number, self._key(), is_own, SQL("TRUE" if own else "NOT TRUE")))
        return SQL("(%s)", SQL(" OR ").join(sides))

    def _suspense_number(self, alias, side):
        """Suspended records have numbers as they were written, and the one that endpoints are compared with."""
        digits = SQL("regexp_replace(%s, '[^0-9]', '', 'g')", SQL.identifier(alias, side))
        national = self._key().removeprefix(str(self.company_id.country_id.phone_code or "-"))
        return SQL(
            "CASE WHEN %s IN (%s, %s) THEN %s ELSE %s END", digits, f"0{national}", f"00{self._key()}", self._key(), digits
        )

    def _is_kept(self):
        """Condition that a call u of a statement s is left as it is for now."""
        return SQL(
            "(s.state = 'open' OR EXISTS (SELECT FROM call_dispute d WHERE d.statement_id = s.id AND d.state IN ('new', 'review')) OR %s)",
            self.env["call.legal.hold"]._is_held(
                *map(SQL, ("u.company_id", "i.source_id", "s.contract_id")), [digits_of("u", "caller"), digits_of("u", "called")]
            ),
        )

    def _calls(self):
        """FROM item and condition of the calls of the number."""
        return SQL(
            "call_usage_line u JOIN call_statement s ON s.id = u.statement_id JOIN call_import i ON i.id = u.import_id WHERE u.company_id = %s",
            self.company_id.id,
        )

    def _texts(self):
        """The number as it is written anywhere: in calls, suspended records, and with its country code.

        :return: list, the longest first
        """
        key = self._key()
        texts = {key, f"+{key}"}
        for table, alias in (("call_usage_line", "u"), ("call_suspense", "x")):
            for side in OWN_SIDE:
                number = digits_of(alias, side) if alias == "u" else self._suspense_number(alias, side)
                rows = self.env.execute_query(
                    SQL(
                        "SELECT DISTINCT %s FROM %s %s WHERE company_id = %s AND %s = %s",
                        SQL.identifier(alias, side), SQL.identifier(table), SQL.identifier(alias), self.company_id.id, number, key,
                    )
                )  # fmt: skip
                texts |= {text.split("@")[0] for (text,) in rows}
        return sorted((text for text in texts if sum(map(str.isdigit, text)) >= SHORTEST), key=len, reverse=True)

    def _has_text(self, column):
        """Condition that a text has the number, however it is written."""
        return SQL("%s LIKE ANY(%s)", column, [f"%{escape_psql(text)}%" for text in self._texts()])

    def _find(self):
        """:return: list of (kind, number of records, number of those that stay for now)"""
        self.ensure_one()
        self.env.flush_all()
        mine, company = self._theirs("u"), self.company_id.id
        query = self.env.execute_query
        ((calls, kept),) = query(
            SQL("SELECT count(*), count(*) FILTER (WHERE %s) FROM %s AND %s", self._is_kept(), self._calls(), mine)
        )
        ((own,),) = query(SQL("SELECT count(*) FROM %s AND %s", self._calls(), self._theirs("u", own=True)))
        return [
            ("calls", calls, kept),
            ("suspense", *self._find_suspense()),
            ("files", len(self._imports()), 0),
            ("disputes", query(SQL("SELECT count(*) FROM call_dispute_line l WHERE company_id = %s AND %s", company,
                                   self._has_text(SQL("l.number"))))[0][0], 0),
            ("looks", query(SQL("SELECT count(*) FROM call_access a WHERE company_id = %s AND %s", company,
                                self._has_text(SQL("a.call_text"))))[0][0], 0),
            ("reports", query(SQL("SELECT count(*) FROM call_performance_report p WHERE company_id = %s AND %s", company,
                                  self._has_text(SQL("p.figures::text"))))[0][0], 0),
            ("messages", len(self._messages()), 0),
            ("own", own, own),
            ("contacts", *[len(self._contacts())] * 2),
        ]  # fmt: skip

    def _find_suspense(self):
        held = self.env["call.legal.hold"]._is_held(
            SQL("x.company_id"), SQL("x.source_id"), SQL("NULL::integer"), [SQL("%s", self._key())]
        )
        ((count, kept),) = self.env.execute_query(
            SQL(
                "SELECT count(*), count(*) FILTER (WHERE x.state = 'open' OR %s) FROM call_suspense x WHERE %s",
                held,
                self._of_suspense(),
            )
        )
        return count, kept

    def _of_suspense(self):
        return SQL("x.company_id = %s AND (%s OR %s)", self.company_id.id, self._theirs("x"), self._has_text(SQL("x.raw")))

    def _imports(self):
        """Imports that brought the number, and still have their file."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT b.id FROM (
                    SELECT u.import_id AS id FROM call_usage_line u WHERE u.company_id = %(company)s AND %(calls)s
                     UNION ALL SELECT x.import_id FROM call_suspense x WHERE %(suspense)s) b
                  JOIN ir_attachment a ON a.res_model = 'call.import' AND a.res_field = 'file' AND a.res_id = b.id
                """,
                company=self.company_id.id,
                calls=self._theirs("u"),
                suspense=self._of_suspense(),
            )
        )
        return self.env["call.import"].sudo().browse(each for (each,) in rows)

    def _messages(self):
        """What people wrote about calls, contracts and invoices with the number in it."""
        rows = self.env.execute_query(
            SQL(
                "SELECT m.id FROM mail_message m WHERE (m.model LIKE 'call.%%' OR m.model IN ('contract.contract', 'account.move'))"
                " AND m.model <> %s AND m.record_company_id = %s AND %s",
                self._name,
                self.company_id.id,
                self._has_text(SQL("m.body")),
            )
        )
        return self.env["mail.message"].sudo().browse(each for (each,) in rows)

    def _contacts(self):
        """Contacts are Odoo's own: they are told, and changed where they are."""
        partners = (
            self.env["res.partner"].sudo().search([("phone", "!=", False), ("company_id", "in", (False, self.company_id.id))])
        )
        key = self._key()
        return partners.filtered(lambda partner: number_key(partner.phone, self.company_id) == key)

    def _write_lines(self, found, erased=None):
        self.sudo().line_ids.unlink()
        self.sudo().write(
            {
                "looked_at": fields.Datetime.now(),
                "line_ids": [
                    fields.Command.create(
                        {"kind": kind, "found_count": count, "kept_count": kept, "erased_count": (erased or {}).get(kind, 0)}
                    )
                    for kind, count, kept in found
                ],
            }
        )

    # --- Giving out ---------------------------------------------------------------------------------------

    def _export(self, kind):
        """A file with everything, for a week; who took it is written down."""
        self.ensure_one()
        self._check_manager()
        self._bring_archived_back()
        content = getattr(self.sudo(), f"_{kind}")(self.sudo()._rows())
        attachment = self.env["ir.attachment"].create(
            {
                "name": self.env._("Request") + f"_{self.id}.{kind}",
                "raw": content,
                "mimetype": MIMETYPES[kind],
                "res_model": self._name,
                "res_id": self.id,
            }
        )
        self.message_post(body=self.env._("Given out as %s.", kind.upper()))
        return {"type": "ir.actions.act_url", "url": f"/web/content/{attachment.id}?download=true", "target": "download"}

    def _rows(self):
        """:return: list of dict under ``COLUMNS``"""
        self.env.flush_all()
        calls = self.env.execute_query(
            SQL(
                """
                SELECT 'call', to_char(u.start_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), u.direction, u.caller, u.called, u.queue, u.agent,
                       u.disposition, u.total_seconds, (SELECT name FROM res_partner p WHERE p.id = s.partner_id), u.recording_ref, NULL
                  FROM %s AND %s ORDER BY u.start_at, u.id
                """,
                self._calls(),
                self._theirs("u"),
            )
        )
        suspended = self.env.execute_query(
            SQL(
                """
                SELECT 'suspended record', to_char(x.start_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), x.direction, x.caller, x.called, x.queue,
                       x.agent, x.disposition, x.total_seconds, NULL, NULL, x.raw
                  FROM call_suspense x WHERE %s ORDER BY x.id
                """,
                self._of_suspense(),
            )
        )
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in (*calls, *suspended)]
        empty = dict.fromkeys(COLUMNS)
        lines = self.env.execute_query(
            SQL(
                'SELECT to_char(l.start_at, \'YYYY-MM-DD"T"HH24:MI:SS"Z"\'), l.number, l.seconds FROM call_dispute_line l'
                " WHERE l.company_id = %s AND %s ORDER BY l.id",
                self.company_id.id,
                self._has_text(SQL("l.number")),
            )
        )
        rows += [{**empty, "what": "dispute", "start": start, "caller": number, "seconds": n} for start, number, n in lines]
        rows += [
            {**empty, "what": "message", "start": f"{message.date:%Y-%m-%dT%H:%M:%SZ}", "text": message.preview}
            for message in self._messages()
        ]
        return rows + [{**empty, "what": "contact", "client": each.name, "caller": each.phone} for each in self._contacts()]

    def _json(self, rows):
        return json.dumps({"number": self.number, "records": rows}, ensure_ascii=False, indent=1).encode()

    def _csv(self, rows):
        stream = io.StringIO(newline="")
        csv.writer(stream).writerows([COLUMNS, *([cell(row[name]) for name in COLUMNS] for row in rows)])
        return ("\ufeff" + stream.getvalue()).encode()

    def _xlsx(self, rows):
        stream = io.BytesIO()
        book = xlsxwriter.Workbook(stream, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        sheet = book.add_worksheet("Request")
        for place, row in enumerate([dict(zip(COLUMNS, COLUMNS, strict=True)), *rows]):
            for column, name in enumerate(COLUMNS):
                sheet.write_string(place, column, cell(row[name]))
        book.close()
        return stream.getvalue()

    @api.autovacuum
    def _gc_exports(self):
        before = fields.Datetime.now() - EXPORT_KEPT
        self.env["ir.attachment"].sudo().search([("res_model", "=", self._name), ("create_date", "<", before)]).unlink()

    # --- Erasing ------------------------------------------------------------------------------------------

    @api.model
    def _continue(self, company):
        """Go on with what waits: calls that were invoiced in the meantime, holds that ended."""
        for request in self.search([("state", "=", "waiting"), ("company_id", "=", company.id)]):
            request._erase()

    def _erase(self):
        self.ensure_one()
        if self.state == "done":
            raise UserError(self.env._("Everything is erased already."))
        self.env.flush_all()
        texts = self._texts()
        imports, messages = self._imports(), self._messages()
        found = self._find()
        if not self.pseudonym:
            self.pseudonym = f"erased-{secrets.token_hex(4)}"
        counts = {kind: count - kept for kind, count, kept in found}
        statements = self._erase_calls()
        self._erase_suspense(texts)
        self._erase_beside(texts, messages)
        self.env["call.purge"]._strip_documents(self.env["call.statement"].browse(statements))
        left = any(kept for kind, _count, kept in found if kind in ("calls", "suspense"))
        # Files are evidence of what is still open or held.
        if not left:
            for record in imports:
                record._cross_out(set(texts))
        else:
            counts["files"] = 0
        self.env.invalidate_all()
        self._write_lines(found, counts)
        self.env["ir.attachment"].search([("res_model", "=", self._name), ("res_id", "=", self.id)]).unlink()
        values = {"state": "waiting" if left else "done", "erased_at": fields.Datetime.now()}
        self.write(values if left else values | {"number": False, "number_shown": self.number_shown})

    def _erase_calls(self):
        """:return: ids of the statements of erased calls"""
        replaced = SQL(", ").join(
            SQL(
                "%(column)s = CASE WHEN %(number)s = %(key)s AND (u.direction = %(own)s) IS NOT TRUE THEN %(name)s ELSE u.%(column)s END,"
                " %(e164)s = CASE WHEN %(number)s = %(key)s AND (u.direction = %(own)s) IS NOT TRUE THEN NULL ELSE u.%(e164)s END",
                column=SQL.identifier(side),
                e164=SQL.identifier(f"{side}_e164"),
                number=digits_of("u", side),
                key=self._key(),
                own=own,
                name=self.pseudonym,
            )
            for side, own in OWN_SIDE.items()
        )
        rows = self.env.execute_query(
            SQL(
                """
                WITH mine AS (SELECT u.id FROM %(calls)s AND %(theirs)s AND NOT %(kept)s)
                UPDATE call_usage_line u SET %(replaced)s, record_ref = NULL, recording_ref = NULL, is_purged = true
                  FROM mine WHERE mine.id = u.id
                RETURNING u.statement_id, u.group_ref
                """,
                calls=self._calls(),
                theirs=self._theirs("u"),
                kept=self._is_kept(),
                replaced=replaced,
            )
        )
        # An id of a call that has the number in it is replaced in all records of the call: they stay together.
        tail = self._key()[-SHORTEST:]
        groups = sorted({group for _statement, group in rows if group and tail in "".join(filter(str.isdigit, group))})
        statements = sorted({statement for statement, _group in rows})
        if groups:
            self.env.cr.execute(
                SQL(
                    "UPDATE call_usage_line SET group_ref = md5(%s || group_ref) WHERE statement_id = ANY(%s) AND group_ref = ANY(%s)",
                    secrets.token_hex(16),
                    statements,
                    groups,
                )
            )
        return statements

    def _erase_suspense(self, texts):
        held = self.env["call.legal.hold"]._is_held(
            SQL("x.company_id"), SQL("x.source_id"), SQL("NULL::integer"), [SQL("%s", self._key())]
        )
        columns = ("raw", "corrected", "caller", "called")
        self.env.cr.execute(
            SQL(
                "UPDATE call_suspense x SET %s, override = NULL, number_key = nullif(number_key, %s) WHERE %s AND x.state <> 'open' AND NOT %s",
                SQL(", ").join(
                    SQL("%s = %s", SQL.identifier(name), self._crossed(SQL.identifier("x", name), texts)) for name in columns
                ),
                self._key(),
                self._of_suspense(),
                held,
            )
        )

    def _erase_beside(self, texts, messages):
        company = self.company_id.id
        for table, column in (("call_dispute_line", "number"), ("call_access", "call_text")):
            name = SQL.identifier(column)
            self.env.cr.execute(
                SQL(
                    "UPDATE %s SET %s = %s WHERE company_id = %s AND %s",
                    SQL.identifier(table), name, self._crossed(name, texts), company, self._has_text(name),
                )
            )  # fmt: skip
        self.env.cr.execute(
            SQL(
                "UPDATE call_performance_report p SET figures = (%s)::jsonb WHERE company_id = %s AND %s",
                self._crossed(SQL("p.figures::text"), texts),
                company,
                self._has_text(SQL("p.figures::text")),
            )
        )
        if messages:
            self.env.cr.execute(
                SQL("UPDATE mail_message m SET body = %s WHERE id = ANY(%s)", self._crossed(SQL("m.body"), texts), messages.ids)
            )

    def _crossed(self, column, texts):
        """SQL of a text in which the digits of the number are crossed out."""
        for text in texts:
            column = SQL("replace(%s, %s, %s)", column, text, "".join("X" if each.isdigit() else each for each in text))
        return column


class CallErasureLine(models.Model):
    """Of one kind of records: how many have the number, how many of these stay for now, and how many were erased."""

    _name = "call.erasure.line"
    _description = "Records of a Caller"
    _order = "erasure_id, id"

    erasure_id = fields.Many2one("call.erasure", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="erasure_id.company_id", store=True)
    kind = fields.Selection(
        [
            ("calls", "Calls"),
            ("suspense", "Suspended records"),
            ("files", "Files of imports"),
            ("disputes", "Entries of disputes"),
            ("looks", "Looks at hidden data"),
            ("reports", "Performance reports"),
            ("messages", "Messages"),
            ("own", "Calls of a client's own line: stay"),
            ("contacts", "Contacts: change them there"),
        ],
        string="What",
        required=True,
        readonly=True,
    )
    found_count = fields.Integer(string="Found", readonly=True)
    kept_count = fields.Integer(
        string="Stay for Now", readonly=True, help="Not invoiced yet, open, disputed, under a legal hold, or somebody else's."
    )
    erased_count = fields.Integer(string="Erased", readonly=True)


class CallPurge(models.Model):
    _inherit = "call.purge"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _cron_purge(self):
        res = super()._cron_purge()
        for company in self.env["call.erasure"].search([("state", "=", "waiting")]).company_id:
            self.env["call.erasure"]._continue(company)
        return res
