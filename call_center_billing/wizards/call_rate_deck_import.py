import base64
import tempfile
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..formats import ReadError, rate_deck
from ..formats.rate_deck_changes import compare
from ..models.windows import form_of

MAX_BYTES = 64 * 1024 * 1024
SHOWN = 200
RAW_CHARS = 300
FIRST = {"updated": 0, "added": 1, "ended": 2}


class CallRateDeckImport(models.TransientModel):
    """Prices of a rate deck out of a file: first looked at, then imported. Trusts nothing of the file.

    What is shown is what the file would do at that time; importing reads file and deck again. Rows that cannot be used are
    never imported; whether the others are, a person says.
    """

    _name = "call.rate.deck.import"
    _description = "Import Rate Deck"

    deck_id = fields.Many2one("call.rate.deck", string="Rate Deck", required=True, ondelete="cascade")
    file = fields.Binary(required=True, attachment=False)
    file_name = fields.Char()
    mode = fields.Selection(
        [("merge", "Add and update: other prefixes stay"), ("replace", "Replace: prefixes that are not in the file end")],
        required=True,
        default="merge",
        help="What becomes of prices whose prefix the file does not have.",
    )
    date_from = fields.Date(
        string="From",
        compute="_compute_date_from",
        store=True,
        readonly=False,
        help="First day of the new prices, where the file has no day of its own; old ones end the day before. Nothing changes "
        "for days before. Empty: always, old prices are overwritten.",
    )
    good_rows_only = fields.Boolean(
        string="Import the Good Rows Only", help="Leave out the rows that cannot be used, and import the others all the same."
    )
    result = fields.Json(readonly=True, help="What was found: counts, rows that cannot be used, differences.")
    error_count = fields.Integer(compute="_compute_error_count")
    preview = fields.Html(compute="_compute_preview", sanitize=False)

    @api.depends("deck_id")
    def _compute_date_from(self):
        for wizard in self:
            wizard.date_from = fields.Date.context_today(wizard) if wizard.deck_id.line_count else False

    @api.depends("result")
    def _compute_error_count(self):
        for wizard in self:
            wizard.error_count = (wizard.result or {}).get("error_count", 0)

    @api.depends("result")
    def _compute_preview(self):
        for wizard in self:
            values = {"result": wizard.result, "shown": SHOWN}
            wizard.preview = wizard.result and self.env["ir.qweb"]._render("call_center_billing.call_rate_deck_preview", values)

    def action_check(self):
        """Show what the file would change."""
        self.ensure_one()
        found, changes = self._read()
        self.result = {
            **self._counts(found, changes),
            "errors": [
                [problem.number, problem.raw[:RAW_CHARS], self._problem_text(problem)] for problem in found.problems[:SHOWN]
            ],
            "differences": [self._difference(each) for each in sorted(changes.differences, key=_weight)[:SHOWN]],
            "difference_count": len(changes.differences),
        }
        return self._reopen()

    def action_back(self):
        self.ensure_one()
        self.write({"result": False, "good_rows_only": False})
        return self._reopen()

    def action_import(self):
        """Change the deck.

        :raise UserError: the file has no usable row, or has others as well and nobody said to leave them out
        """
        self.ensure_one()
        self._check_deck_access()
        self.deck_id.lock_for_update()
        found, changes = self._read()
        if found.problems and not self.good_rows_only:
            raise UserError(
                self.env._(
                    "Rows that cannot be used: %s. Correct them, or tick 'Import the Good Rows Only'.", len(found.problems)
                )
            )
        if not found.rows:
            raise UserError(self.env._("Not one row of this file can be used."))
        self.deck_id._apply(changes)
        self.deck_id.imported_at = fields.Datetime.now()
        summary = self._summary(self._counts(found, changes))
        self.deck_id.message_post(body=summary)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"message": summary, "type": "success", "next": {"type": "ir.actions.act_window_close"}},
        }

    # --- The file and what it changes -----------------------------------------------------------------

    def _check_deck_access(self):
        """Lines are written in bulk, where the ORM does not look."""
        self.deck_id.check_access("write")
        for operation in ("create", "write", "unlink"):
            self.env["call.rate.deck.line"].check_access(operation)

    def _read(self):
        """:return: :class:`.rate_deck.DeckFile` and :class:`.rate_deck_changes.Changes`
        :raise UserError: the file as a whole cannot be used
        """
        self._check_deck_access()
        day = self.date_from or rate_deck.ALWAYS
        content = base64.b64decode(self.with_context(bin_size=False).file or b"")
        if len(content) > MAX_BYTES:
            raise UserError(self.env._("This file is larger than %s MB.", MAX_BYTES // 1024 // 1024))
        with tempfile.TemporaryDirectory() as workdir:
            path = Path(workdir) / "deck"
            path.write_bytes(content)
            try:
                currency = self.deck_id.currency_id
                found = rate_deck.read(str(path), tuple(filter(None, (currency.name, currency.symbol))), day)
            except ReadError as error:
                raise UserError(self._read_error_text(error)) from error
        held = {problem.prefix for problem in found.problems}
        return found, compare(self.deck_id._lines(), found.rows, day, self.mode == "replace", held)

    @api.model
    def _counts(self, found, changes):
        return {
            "added": changes.added,
            "updated": changes.updated,
            "unchanged": changes.unchanged,
            "ended": changes.ended,
            "error_count": len(found.problems),
            "repeated": found.repeated,
            "rounded": found.rounded,
            "over": found.over,
        }

    def _summary(self, counts):
        """What was imported, for the chatter."""
        parts = [
            self.env._("Prices imported from %s.", self.file_name or self.env._("a file")),
            self.env._("From %s.", self.date_from) if self.date_from else self.env._("From always."),
            self.env._(
                "%(added)s added, %(updated)s updated, %(unchanged)s unchanged, %(ended)s ended.",
                **{name: counts[name] for name in ("added", "updated", "unchanged", "ended")},
            ),
        ]
        if counts["error_count"]:
            parts.append(self.env._("Rows with errors, left out: %s.", counts["error_count"]))
        return " ".join(parts)

    @api.model
    def _difference(self, difference):
        """A row of the table that people see: texts only."""
        percent = difference.percent()
        return {
            "what": {
                "added": self.env._("Added"),
                "updated": self.env._("Updated"),
                "ended": self.env._("Ends"),
            }[difference.what],
            "prefix": difference.prefix,
            "destination": difference.destination,
            "old": rate_deck.price_text(difference.old.minute_price) if difference.old else "",
            "new": rate_deck.price_text(difference.new.minute_price) if difference.new else "",
            "percent": f"{percent:+.1f} %" if percent else "",
            "more": self._other_terms(difference.old, difference.new),
        }

    @api.model
    def _other_terms(self, old, new):
        """What changes beside the price per minute."""
        if not new:
            return ""
        parts = []
        if new.call_price != (old.call_price if old else 0):
            prices = (rate_deck.price_text(each.call_price) for each in (old, new) if each)
            parts.append(self.env._("Connection fee %s", " → ".join(prices)))
        if not old or new[2:] != old[2:]:
            steps = (f"{each.increment_first}/{each.increment_next}" for each in (old, new) if each)
            parts.append(self.env._("Increments %s", " → ".join(steps)))
        return ", ".join(parts)

    # --- In words -------------------------------------------------------------------------------------

    @api.model
    def _problem_text(self, problem):
        text = {
            **self.env["call.rate.deck.line"]._prefix_problems(),
            "unreadable": self.env._("this row cannot be read: quotes that do not close, control characters, or too long."),
            "columns": self.env._("more cells than titles: quote texts and prices with a comma in them."),
            "no_price": self.env._("there is no price."),
            "bad_price": self.env._("'%s' is not a price."),
            "negative": self.env._("'%s': prices must not be negative."),
            "thousands": self.env._("'%s' may be more than a thousand: write a decimal point."),
            "absurd_price": self.env._("'%s' is too much for a price."),
            "bad_increment": self.env._(
                "'%s' is not an increment: write seconds, such as 60, or first and next ones, such as 60/1."
            ),
            "bad_date": self.env._("'%s' is not a date: write year-month-day."),
            "date_order": self.env._("'%s' may be day/month or month/day: write year-month-day."),
            "dates": self.env._("this price ends before it starts."),
            "currency": self.env._("the currency is %s, not that of the deck."),
            "conflict": self.env._("row %s has the same prefix with other prices or days."),
        }[problem.code]
        return text.replace("%s", problem.detail[:RAW_CHARS])

    @api.model
    def _read_error_text(self, error):
        if error.code == "header":
            if error.detail == "prefix":
                return self.env._("No column is named after a prefix: call one of them Prefix, Code or Dial Code.")
            return self.env._("No column is named after a price per minute: call one of them Rate, Price or Price per Minute.")
        if error.code == "twice":
            return self.env._("Two columns are called '%s': leave only the one that counts.", error.detail[:RAW_CHARS])
        if error.code == "rows":
            return self.env._("A deck may have up to %s rows.", error.detail)
        return {
            "xls": self.env._("This is a workbook of the old kind (.xls). Save it as .xlsx or as CSV."),
            "compressed": self.env._("This file is compressed: unpack it first."),
            "markup": self.env._("This is a web page or XML, even if its name says otherwise. Save it as CSV or XLSX."),
            "json": self.env._("This is JSON. Save it as CSV or XLSX."),
            "binary": self.env._("This is neither text nor a workbook."),
            "workbook": self.env._("This workbook is broken, or none: open it in a spreadsheet and save it as .xlsx."),
            "large": self.env._("This workbook unpacks to far more than a rate deck needs. Save it as CSV."),
        }.get(error.detail) or self.env._("There is no price in this file.")

    def _reopen(self):
        return form_of(self, target="new", name=self.env._("Import Prices"))


def _weight(difference):
    """Updates before the rest, the largest change first."""
    percent = difference.percent()
    return FIRST[difference.what], -abs(percent or 0), difference.prefix
