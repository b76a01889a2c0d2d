from datetime import date

from freezegun import freeze_time

from odoo import Command
from odoo.tests import tagged

from odoo.addons.call_center_billing.tests.asterisk import row

from .reminder_case import ReminderCase

PHONES = {"dentist": "49305550100", "parcel": "49305550200", "tenant": "49305550300"}
MINUTES = {"dentist": (5, 8, 12), "parcel": (10, 20, 30), "tenant": (4, 6)}
"""Calls of each month: minutes at 0.90; the dentist has 10 included."""
MONTHS = ((2026, 8), (2026, 9), (2026, 10))


@tagged("post_install", "-at_install")
class TestThreeMonths(ReminderCase):
    """Three clients over three months, from their calls to the last payment, as an accountant would see it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.call_payment_confirmation = "all"
        included = cls.env["call.rate.plan"].create(
            {
                "name": "Included",
                "rule_ids": [Command.create({"name": "Inbound calls", "minute_price": 0.90})],
                "allowance_ids": [Command.create({"name": "included minutes", "quantity": 10, "prorated": False})],
            }
        )
        cls.clients = {"dentist": cls.client, "parcel": cls.other_client}
        cls.clients["tenant"] = cls.env["res.partner"].create({"name": "Tenant", "is_company": True})
        cls.contracts = {}
        cls.contract.contract_line_ids.endpoint_ids.unlink()
        for name, client in cls.clients.items():
            client.write({"email": f"{name}@example.com", "tz": "Europe/Berlin"})
            plan = included if name == "dentist" else cls.plan
            contract = cls.make_contract(plan=plan, partner=client, date_start=date(2026, 8, 1))
            contract.payment_term_id = cls.env.ref("account.account_payment_term_15days")
            cls.make_endpoint(PHONES[name], line=contract.contract_line_ids)
            cls.contracts[name] = contract

    def bill_month(self, year, month):
        """Import the calls of a month and post its invoices on the 5th of the next one."""
        for name, minutes in MINUTES.items():
            rows = [
                row(talk=60 * each, start=f"{year}-{month:02}-{day:02} 10:00:00", called=PHONES[name])
                for day, each in enumerate(minutes, 3)
            ]
            self.import_text(*rows)
        until = date(year, month + 1, 1)
        with freeze_time(f"{year}-{month + 1:02}-05 08:00:00"):
            moves = {}
            for name, contract in self.contracts.items():
                moves[name] = contract._bill_periods(until)
                moves[name].invoice_date = f"{year}-{month + 1:02}-05"
                moves[name].action_post()
        return moves

    def dispute_call(self, move, minutes):
        """The client disputes its call of so many minutes; it is accepted, and credited at once."""
        self.statement = move.call_statement_ids
        call = self.env["call.usage.line"].search([("statement_id", "=", self.statement.id), ("talk_seconds", "=", 60 * minutes)])
        dispute = self.dispute(call)
        dispute.action_review()
        self.decide(dispute, "accept", settle="now")
        credit = dispute.adjustment_ids.move_id
        if credit:
            credit.action_post()
        return dispute, credit

    def pay_by_card(self, move):
        """As on the portal, with Odoo's provider for demonstrations."""
        token = self.make_card(move.partner_id)
        transaction = (
            self.env["payment.transaction"]
            .sudo()
            .create(
                {
                    "provider_id": token.provider_id.id,
                    "payment_method_id": token.payment_method_id.id,
                    "reference": f"{move.name}-card",
                    "amount": move.amount_residual,
                    "currency_id": move.currency_id.id,
                    "partner_id": move.partner_id.id,
                    "token_id": token.id,
                    "operation": "offline",
                    "invoice_ids": [Command.set(move.ids)],
                }
            )
        )
        transaction._charge_with_token()
        transaction._post_process()

    def confirmations(self):
        """Mails that tell of payments, sent by the job: the names of their clients."""
        before = self.env["mail.message"].search([("model", "=", "account.move")])
        self.run_job("call.payment.notice", "_cron_send")
        after = self.env["mail.message"].search([("model", "=", "account.move"), ("message_type", "=", "comment")])
        return sorted((after - before).partner_ids.mapped("name"))

    def receivable(self):
        """What the ledger says that each client owes."""
        lines = self.env["account.move.line"].search(
            [
                ("partner_id", "in", [client.id for client in self.clients.values()]),
                ("account_id.account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
            ]
        )
        return {
            name: round(sum(lines.filtered(lambda m, c=c: m.partner_id == c).mapped("balance")), 2)
            for name, c in self.clients.items()
        }

    def test_from_calls_to_the_last_payment(self):
        august = self.bill_month(2026, 8)
        totals = {name: move.amount_total for name, move in august.items()}
        self.assertEqual(totals, {"dentist": 13.50, "parcel": 54.00, "tenant": 9.00})

        with freeze_time("2026-09-10 09:00:00"):
            inside, _none = self.dispute_call(august["dentist"], 5)
            outside, credit = self.dispute_call(august["parcel"], 20)
            # Without 5 of 25 minutes the dentist has 10 beyond the allowance instead of 15.
            self.assertEqual((inside.credited_amount, outside.credited_amount, credit.amount_total), (4.50, 18.00, 18.00))
            self.assertEqual(self.receivable(), {"dentist": 9.00, "parcel": 36.00, "tenant": 9.00})
            self.match(self.bank_line(august["parcel"].name, 20.00))
            self.pay_by_card(august["tenant"])
            self.assertEqual(self.confirmations(), sorted([self.clients["parcel"].name, self.clients["tenant"].name]))
            self.assertEqual(self.receivable(), {"dentist": 9.00, "parcel": 16.00, "tenant": 0.00})

        september = self.bill_month(2026, 9)
        with freeze_time("2026-10-12 09:00:00"):
            self.statement = september["tenant"].call_statement_ids
            waiting = self.dispute(
                self.env["call.usage.line"].search([("statement_id", "=", self.statement.id)], limit=1, order="start_at")
            )
            self.assertEqual(waiting.disputed_amount, 3.60)
        # On 26 October all of August is overdue, and of September what is neither disputed nor credited.
        self.assertEqual(sorted(self.reminded("2026-10-26")), [(1, 5.40), (1, 22.50), (1, 70.00)])
        self.assertEqual(self.reminded("2026-10-26"), [])

        october = self.bill_month(2026, 10)
        with freeze_time("2026-11-10 09:00:00"):
            waiting.action_review()
            self.decide(waiting, "reject")
            for name, client in self.clients.items():
                moves = [august[name], september[name], october[name]]
                due = sum(move.amount_residual for move in moves)
                if due:
                    self.match(
                        self.bank_line(" ".join(move.name for move in moves if move.amount_residual), due, partner_id=client.id)
                    )
            self.assertEqual(self.receivable(), {"dentist": 0.00, "parcel": 0.00, "tenant": 0.00})
            self.assertEqual(len(self.confirmations()), 3)
            self.assertEqual(self.confirmations(), [])
        self.assertEqual(self.reminded("2026-12-20"), [])
        everything = [move for month in (august, september, october) for move in month.values()]
        self.assertEqual({move.payment_state for move in everything}, {"paid"})
        self.assertEqual({statement.state for move in everything for statement in move.call_statement_ids}, {"settled"})
