from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .call_dispute import ACCOUNTANT
from .call_dispute_line import OPEN
from .windows import form_of


class CallDispute(models.Model):
    """How a dispute is decided: what is accepted becomes corrections, the period is rated again with them, and the exact difference
    becomes adjustments. Before that, the same is calculated and taken back, to show what the decision costs."""

    _inherit = "call.dispute"  # pylint: disable=consider-merging-classes-inherited

    def action_decide(self):
        """The dialog that shows what the decisions cost."""
        self.ensure_one()
        Decide = self.env["call.dispute.decide"]
        wizard = Decide.create(Decide._prepare(self))
        return form_of(wizard, target="new", name=self.env._("Decide %s", self.name))

    def action_accept_all(self):
        return self._decide_all("accept")

    def action_reject_all(self):
        return self._decide_all("reject")

    def _decide_all(self, decision):
        """Propose a decision for the lines that have none; nothing is decided by it."""
        self.line_ids.filtered(lambda line: not line.decision).decision = decision
        return True

    def _outcome(self):
        decisions = set(self.line_ids.mapped("decision"))
        return {frozenset(["accept"]): "accepted", frozenset(["reject"]): "rejected"}.get(frozenset(decisions), "partly")

    def _preview(self):
        """What the decisions of the lines would change. Nothing stays of it.

        :return: dict of statement -> list of values of call.adjustment.line; empty where nothing changes
        """
        self.ensure_one()
        self._check_decidable()
        self.env.flush_all()
        with self.env.cr.savepoint() as savepoint:
            differences = self.sudo()._rate_again()
            self.env.flush_all()
            self.env.invalidate_all(flush=False)
            savepoint.rollback()
        return differences

    def _decide(self, settle="next", response=None, expected=None):
        """Carry the decisions of the lines out.

        :param settle: ``next``: the difference goes on the next invoice; ``now``: on a credit note, or invoice, of its own
        :param expected: difference that was shown; float
        :return: the credit note or invoice, a draft, or none
        :raise UserError: it was decided by somebody else, or costs something else meanwhile
        """
        self.ensure_one()
        self.sudo()._hold()
        self._check_decidable()
        dispute = self.sudo()
        differences = dispute._rate_again()
        total = dispute._total(differences)
        if expected is not None and dispute.currency_id.compare_amounts(total, expected):
            raise UserError(
                self.env._("Meanwhile the difference is %s: look at the decision again.", dispute.currency_id.format(total))
            )
        if dispute.state == "new":
            dispute._set_state("review")
        dispute._adjust(differences)
        outcome = dispute._outcome()
        values = {
            "outcome": outcome,
            "response": response,
            "decided_at": fields.Datetime.now(),
            "decided_by_id": self.env.user.id,
        }
        dispute._set_state(outcome, **values)
        dispute._end_activity()
        dispute._tell("decided")
        if outcome != "rejected" and dispute._is_given_back():
            dispute._set_state("settled")
        if settle == "now" and dispute.adjustment_ids:
            pending = self.adjustment_ids.filtered(lambda adjustment: adjustment.state == "pending")
            pending.action_create_move()
        return self.adjustment_ids.move_id

    def _check_decidable(self):
        """:raise AccessError, UserError: it cannot be decided by this user, or now"""
        self.ensure_one()
        if not self.env.user.has_group(ACCOUNTANT) and not self.env.su:
            raise AccessError(self.env._("Only billing accountants decide disputes."))
        self.check_access("write")
        if self.state not in OPEN:
            raise UserError(self.env._("%s is decided or withdrawn already.", self.name))
        self.line_ids._check_decided()
        if not self.sudo().statement_id._is_billed() and self._outcome() != "rejected":
            raise UserError(
                self.env._("The invoice of %s does not count any more, or is billed again: reject or withdraw it.", self.name)
            )

    # --- What it costs --------------------------------------------------------------------------------------

    def _rate_again(self):
        """Store the corrections and calculate the period with them.

        :return: dict of statement -> list of values of call.adjustment.line
        """
        if self._outcome() == "rejected":
            return {}
        Adjustment, pool = self.env["call.adjustment"], self.statement_id._pool()
        where = self._scope(pool)
        self.line_ids._store_corrections()
        lines, plans = Adjustment._calculate(pool, where)
        self._check_rated()
        return Adjustment._compare(lines, plans)

    def _scope(self, pool):
        """Which calls are rated again. Only those that are corrected, all others have the price that they were billed at; or, where a
        billed period was rated again since, all of them. Either way the period costs what was charged for it without this dispute, so
        that the difference is that of the dispute and nothing else, and no more comes back than was billed.

        :return: SQL condition on call_usage_line u
        :raise UserError: prices or terms were changed, and the period was not adjusted
        """
        Adjustment, ids = self.env["call.adjustment"], pool.ids
        corrected = self.line_ids.filtered(lambda line: line.decision == "correct" and line.corrected_billable).usage_id
        touched = SQL(
            "u.statement_id = ANY(%s) AND (u.id IN (SELECT usage_id FROM call_correction) OR u.id = ANY(%s))", ids, corrected.ids
        )
        whole = SQL("u.statement_id = ANY(%s)", ids)
        several_plans = pool.charge_ids.contract_line_id.alternative_plan_ids
        for where in [whole] if several_plans else [touched, whole]:
            lines, plans = Adjustment._calculate(pool, where)
            if not Adjustment._compare(lines, plans):
                return where
        raise UserError(
            self.env._(
                "Prices of this period were changed since it was invoiced: without this dispute it would cost something else as well. "
                "Adjust it first (Billing > Rate Again, with billed periods), then decide."
            )
        )

    def _check_rated(self):
        """:raise UserError: no rate of its service fits a call as it was corrected"""
        missing = self.env.execute_query(
            SQL(
                """
                SELECT k.usage_id FROM call_correction k JOIN call_dispute_line d ON d.id = k.dispute_line_id
                 WHERE d.dispute_id = %s AND k.kind = 'corrected' AND k.usage_id NOT IN (SELECT usage_id FROM call_rerated)
                """,
                self.id,
            )
        )
        if missing:
            call = self.env["call.usage.line"].browse(missing[0])
            raise UserError(self.env._("No rate fits %s as it is corrected.", call.display_name))

    def _total(self, differences):
        return sum(row["after"] - row["before"] for rows in differences.values() for row in rows)

    def _explain(self, differences):
        """What the decisions change, in words."""
        self.ensure_one()
        money = self.currency_id.format
        total = self._total(differences)
        granted = self.line_ids.filtered(lambda line: line.decision in ("accept", "correct"))
        stake = sum(granted.mapped("amount"))
        if not (granted.usage_id or granted.charge_id):
            return self.env._("Everything stays as it was invoiced: %s.", money(self.disputed_amount))
        if self.currency_id.is_zero(total):
            if self.currency_id.is_zero(stake):
                return self.env._(
                    "No difference: these calls are within what was included, and cost nothing. They are corrected all the same."
                )
            return self.env._(
                "No difference: without these calls the period costs the same, because of an allowance, a tier, a maximum or a minimum. "
                "They are corrected all the same."
            )
        if total > 0:
            return self.env._("The client would have to pay %s more: look at tiers and minimums before you decide.", money(total))
        if self.currency_id.compare_amounts(-total, stake):
            return self.env._(
                "%(amount)s is given back. The invoice has %(stake)s for what is accepted or corrected; what stays of corrected calls, and "
                "rounding, allowances, tiers, minimums and service levels of the period, make the difference.",
                amount=money(-total),
                stake=money(stake),
            )
        return self.env._("%s is given back: what the invoice has for what is accepted.", money(-total))

    # --- Adjustments ----------------------------------------------------------------------------------------

    def _adjust(self, differences):
        Adjustment = self.env["call.adjustment"]
        env = self.with_context(lang=self.contract_id.partner_id.lang or self.env.lang).env
        reason = env._("dispute %(name)s, %(reason)s", name=self.name, reason=self.reason_id.with_env(env).name)
        Adjustment.create(
            [
                Adjustment._prepare(statement, reason, rows) | {"dispute_id": self.id, "user_id": self.env.uid}
                for statement, rows in differences.items()
            ]
        )

    def _follow_adjustments(self):
        """Settled while all that was to be given back is on posted documents."""
        for dispute in self.filtered(lambda each: each.state in ("accepted", "partly", "settled")):
            posted = dispute._is_given_back()
            if posted and dispute.state != "settled":
                dispute._set_state("settled")
                dispute._tell("settled")
            elif not posted and dispute.state == "settled":
                dispute._set_state(dispute.outcome)

    def _is_given_back(self):
        """Whether nothing is left to give back, or to charge."""
        return all(adjustment._is_posted() for adjustment in self.adjustment_ids)

    def _settled_with(self):
        """Numbers of the documents that the difference is on."""
        return ", ".join(self.sudo().adjustment_ids._documents().mapped("name"))


class CallAdjustment(models.Model):
    _inherit = "call.adjustment"  # pylint: disable=consider-merging-classes-inherited

    def _is_posted(self):
        """Whether nothing is left to do about it: it is on a posted document, or lost."""
        self.ensure_one()
        return self.state == "lost" or bool(self._documents())

    def _documents(self):
        """Posted invoices and credit notes that these are on."""
        charged = self.charge_ids.statement_id.filtered(lambda statement: not statement.billed_again_id)
        return (self.move_id | charged.invoice_id).filtered(lambda move: move.state == "posted")
