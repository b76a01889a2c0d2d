"""Pages of figures about some days of a company, each of which opens its rows."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.tools import format_date

from ..models.windows import form_of

ACTIONS = {
    "call.archive": "call_center_billing.call_archive_action",
    "call.usage.line": "call_center_billing.call_usage_line_action",
    "call.suspense": "call_center_billing.call_suspense_action",
    "call.import": "call_center_billing.call_import_action",
    "call.charge": "call_center_billing.call_charge_action",
    "call.adjustment": "call_center_billing.call_adjustment_action",
    "account.move.line": "account.action_account_moves_all_tree",
    "call.statement": "call_center_billing.call_statement_action",
    "call.dispute": "call_center_billing.call_dispute_action",
    "call.agreement": "call_center_billing.call_agreement_action",
    "call.price.edit": "call_center_billing.call_price_edit_action",
    "contract.contract": "call_center_billing.contract_action",
}


class CallFigures(models.AbstractModel):
    """A page of figures about some days of a company: computed when it is asked for, by a constant number of statements.

    Who inherits it has ``line_ids``, a model that inherits ``call.figure`` and names the page as ``figures_id``, and tells its
    ``_title`` and its ``_rows``.
    """

    _name = "call.figures"
    _description = "Page of Figures"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    date_from = fields.Date(string="From", required=True, default=lambda self: self._last_month()[0])
    date_to = fields.Date(string="Until", required=True, default=lambda self: self._last_month()[1])
    computed_at = fields.Datetime(string="As Of", readonly=True)

    _dates_ordered = models.Constraint("CHECK (date_to >= date_from)", "The last day must not be before the first.")

    @api.model
    def _last_month(self):
        last = fields.Date.context_today(self).replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last

    @api.model
    def _title(self):
        raise NotImplementedError

    def _rows(self):
        """:return: list of values of the lines, see :meth:`_row`"""
        raise NotImplementedError

    @api.depends("date_from", "date_to")
    def _compute_display_name(self):
        for page in self:
            days = " - ".join(format_date(self.env, day) for day in (page.date_from, page.date_to))
            page.display_name = f"{self._title()} {days}"

    @api.constrains("company_id")
    def _check_company_is_own(self):
        for page in self:
            if page.company_id not in self.env.companies:
                raise ValidationError(self.env._("Choose one of the companies that you work in right now."))

    @api.model
    def action_open(self):
        """The page of last month."""
        return self.create({}).action_compute()

    def action_compute(self):
        self.ensure_one()
        self._compute_lines()
        return form_of(self, target="current", name=self._title())

    def action_previous(self):
        """The calendar month before."""
        self.ensure_one()
        last = self.date_from.replace(day=1) - timedelta(days=1)
        self.write({"date_from": last.replace(day=1), "date_to": last})
        return self.action_compute()

    def action_next(self):
        """The calendar month after."""
        self.ensure_one()
        first = fields.Date.add(self.date_to.replace(day=1), months=1)
        self.write({"date_from": first, "date_to": fields.Date.add(first, months=1, days=-1)})
        return self.action_compute()

    def _compute_lines(self):
        """:raise AccessError: the company is none of the user's"""
        self.ensure_one()
        if not self.env.user.has_group("call_center_billing.group_accountant") or self.company_id not in self.env.companies:
            raise AccessError(self.env._("Only billing accountants of this company see its figures."))
        self.env.flush_all()
        rows = self._rows()
        self.line_ids.unlink()
        self.line_ids.create([{"figures_id": self.id, "sequence": place, **row} for place, row in enumerate(rows)])
        self.computed_at = fields.Datetime.now()

    def _row(self, section, kind, name, model=None, domain=None, currency=None, **values):
        """Values of a line. Numbers are Decimal or int; nothing that is not told stays empty."""
        return {
            "section": section,
            "kind": kind,
            "name": name,
            "currency_id": currency,
            "res_model": model,
            "domain": domain,
            **{column: float(value or 0) for column, value in values.items()},
            "has_count": "call_count" in values,
        }

    def _suspense_days_domain(self):
        """Suspended records of these days; those without a time are of the day on which they came."""
        begin, end = map(fields.Datetime.to_string, self._moments())
        return [
            "|",
            *("&", ("start_at", ">=", begin), ("start_at", "<", end)),
            *("&", "&", ("start_at", "=", False), ("create_date", ">=", begin), ("create_date", "<", end)),
        ]

    def _moments(self):
        """Begin and end (exclusive) of the days, in the company's time zone, as UTC: for what belongs to no client yet."""
        zone = ZoneInfo(self.company_id.partner_id.tz or self.env.user.tz or "UTC")
        return [
            datetime.combine(day, time(), zone).astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
            for day in (self.date_from, self.date_to + timedelta(days=1))
        ]


class CallFigure(models.AbstractModel):
    """A figure of a page, and where its rows are."""

    _name = "call.figure"
    _description = "Figure"

    sequence = fields.Integer()
    kind = fields.Char(required=True, readonly=True)
    name = fields.Char(string="What", required=True, readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    has_count = fields.Boolean(readonly=True)
    call_count = fields.Float(string="Records", digits=(20, 0), readonly=True)
    seconds = fields.Float(digits=(20, 0), readonly=True)
    amount = fields.Float(digits=(24, 10), readonly=True, help="Exact, before rounding, where it is the price of calls.")
    res_model = fields.Char(readonly=True)
    domain = fields.Json(readonly=True)

    def action_open(self):
        """The rows behind the figure."""
        self.ensure_one()
        action = ACTIONS.get(self.res_model)
        if not action:
            return False
        action = self.env["ir.actions.act_window"]._for_xml_id(action)
        return action | {"domain": self.domain or [], "context": {}, "display_name": self.name}
