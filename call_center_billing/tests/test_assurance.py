import base64

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import new_test_user
from odoo.tools import SQL

from .asterisk import row
from .common import DECEMBER, NOVEMBER, TODAY
from .test_dispute import DisputeCase
from .test_pricing_models import PricingCase


@freeze_time(TODAY)
class TestAssurance(DisputeCase, PricingCase):
    """Where money may be lost, of October."""

    def page(self, first="2026-10-01", last="2026-10-31"):
        page = self.env["call.assurance"].create({"date_from": first, "date_to": last})
        page.action_compute()
        self.assertOpens(page)
        return page

    def table(self, page, section=None):
        """Figures as people read them, without what is nothing: kind -> (records, amount)."""
        lines = page.line_ids.filtered(lambda line: (not section or line.section == section) and (line.call_count or line.amount))
        return {line.kind: (line.call_count, line.amount) for line in lines}

    def assertOpens(self, page):
        """Each figure is the number of the rows that it opens."""
        for line in page.line_ids:
            with self.subTest(line.name):
                rows = self.env[line.res_model].search(line.action_open()["domain"])
                count = sum(rows.mapped("duplicate_count")) if line.kind == "duplicate" else len(rows)
                self.assertEqual(count, line.call_count)

    def age(self, records, *days):
        """Let suspended records be so many days old."""
        self.env.flush_all()
        for record, each in zip(records, days, strict=True):
            self.env.cr.execute(
                SQL(
                    "UPDATE call_suspense SET create_date = timestamp %s - %s * interval '1 day' WHERE id = %s",
                    TODAY,
                    each,
                    record.id,
                )
            )
        records.invalidate_recordset()

    def test_suspended_records_by_age_and_what_they_are_worth(self):
        """Calls of 0.90 and 1.80: each suspended one is worth 1.35."""
        self.import_text(row(talk=55), row(talk=115))
        record = self.import_text(*(row(called="000") for _each in range(7)))
        self.age(record.suspense_ids, 0, 2, 3, 7, 8, 30, 31)
        self.assertEqual(
            self.table(self.page(), "suspense"),
            {
                "suspended_0": (2, 2.7),
                "suspended_3": (2, 2.7),
                "suspended_8": (2, 2.7),
                "suspended_31": (1, 1.35),
                "by_source": (7, 9.45),
            },
        )

    def test_the_estimate_goes_by_the_nearest_price_that_is_known(self):
        """The source's calls cost 0.90 and 2.70, those of its second service 2.70."""
        dear = self.make_contract(name="Dear", plan=self.make_plan(minute_price=2.70)).contract_line_ids
        self.make_endpoint("200", dear)
        self.import_text(row(talk=55), row(called="200", talk=55))
        record = self.import_text(row(called="000"), row(called="000"))
        self.age(record.suspense_ids, 0, 0)
        record.suspense_ids[0].sudo().contract_line_id = dear
        other = self.env["call.source"].create({"name": "Other PBX", "tz": "UTC", "country_id": False})
        self.age(self.import_text(row(called="000", start="2026-10-07 10:00:00"), source=other).suspense_ids, 0)
        self.assertEqual(
            self.table(self.page(), "suspense"),
            {"suspended_0": (3, 2.7 + 1.8 + 1.8), "by_service": (1, 2.7), "by_source": (1, 1.8), "by_company": (1, 1.8)},
        )

    def test_without_calls_nothing_is_estimated_and_said_so(self):
        self.age(self.import_text(row(called="000")).suspense_ids, 1)
        self.assertEqual(self.table(self.page(), "suspense"), {"suspended_0": (1, 0), "by_unknown": (1, 0)})

    def test_what_comes_after_the_days_is_told_later(self):
        self.age(self.import_text(row(called="000", start="2026-11-01 10:00:00")).suspense_ids, 1)
        self.assertFalse(self.table(self.page(), "suspense"))

    def test_duplicates_late_and_lost_usage(self):
        self.contract.back_billing_days = 40
        good = row(talk=55)
        self.import_text(good)
        with freeze_time("2026-10-20"):
            self.import_text(good, row(talk=55), name="again.csv")
        self.bill(until=NOVEMBER).action_post()
        self.import_text(row(start="2026-10-31 10:00:00", talk=115), row(start="2026-10-02 10:00:00", talk=55))
        self.assertEqual(self.table(self.page(), "usage"), {"duplicate": (1, 0), "late": (1, 1.8), "too_late": (1, 0.9)})

    def test_a_lost_adjustment(self):
        self.contract.back_billing_days = 1
        self.import_text(row(talk=600))
        self.bill().action_post()
        self.plan.rule_ids.minute_price = 1
        with freeze_time("2027-01-05"):
            wizard = {
                "plan_ids": [Command.set(self.plan.ids)],
                "include_billed": True,
                "reason": "Agreed",
                "date_to": "2026-10-31",
            }
            self.env["call.rerate"].create(wizard).action_apply()
        lost = self.env["call.adjustment"].search([("state", "=", "lost")])
        lost.flush_recordset()
        self.env.cr.execute(SQL("UPDATE call_adjustment SET create_date = '2027-01-05' WHERE id = %s", lost.id))
        self.assertEqual(self.table(self.page("2027-01-01", "2027-01-31"), "usage"), {"lost_adjustment": (1, 1)})

    def test_decisions_of_people(self):
        record = self.import_text(row(talk=55), row(called="000"), row(called="001"))
        first, second = record.suspense_ids
        first._write_off("Test call")
        second.corrected = "not a record"
        self.contract.call_statement_ids._override_gate("All is there")
        self.env["call.agreement"].create({"contract_id": self.contract.id})._pass_door(
            {"state": "accepted", "without_signature": True, "signed_at": "2026-11-05 09:00:00"}
        )
        self.env.flush_all()
        self.env.cr.execute(SQL("UPDATE call_suspense SET write_date = %s", TODAY))
        page = self.page("2026-11-01", "2026-11-30")
        self.assertEqual(self.table(page, "decisions"), {"gate": (1, 0.9), "corrected": (1, 0), "unsigned": (1, 0)})
        self.assertEqual(self.table(page)["written_off"], (1, 0))
        self.assertEqual(self.table(page)["agreement"], (1, 0))

    def test_what_was_given_back_after_the_contestation_window(self):
        calls = self.invoice_calls(2, 3)
        with freeze_time("2027-02-01"):
            self.decide(self.dispute(calls[0], override="Agreed by phone"))
            self.decide(self.dispute(calls[1], override="Asked again"), "reject")
        self.assertEqual(self.table(self.page("2027-02-01", "2027-02-28"), "decisions"), {"late_dispute": (1, 1.8)})

    def test_prices_and_who_changed_them(self):
        self.plan_of({"minute_price": 1})
        self.plan.message_post(body="More from November on")
        ann = new_test_user(self.env, "ann", name="Ann", groups="call_center_billing.group_sales")
        rule = self.plan.rule_ids
        self.env.flush_all()
        self.env.cr.execute("UPDATE call_rate_rule SET create_date = '2026-09-30', write_date = '2026-09-30'")
        self.env.cr.execute(
            SQL("UPDATE call_rate_rule SET write_date = '2026-10-10', write_uid = %s WHERE id = %s", ann.id, rule.id)
        )
        self.env.cr.execute("UPDATE mail_message SET date = '2026-10-10' WHERE body LIKE '%%More from%%'")
        self.env.invalidate_all()
        page = self.page()
        self.assertEqual(self.table(page, "prices"), {"prices": (2, 0), "prices_rule": (1, 0), "prices_note": (1, 0)})
        change = self.env["call.price.edit"].search(page.line_ids.filtered(lambda line: line.kind == "prices_rule").domain)
        self.assertEqual((change.user_id, change.edit, change.plan_id, change.name), (ann, "changed", self.plan, rule.name))
        self.assertIn("Ann", page.line_ids.filtered(lambda line: line.kind == "prices_rule").name)

    def test_held_contracts_and_those_under_notice(self):
        self.import_text(row(talk=55), row(start="2026-11-02 10:00:00", talk=115))
        self.contract.suspension = "hold"
        self.assertEqual(self.table(self.page(), "contracts"), {"held": (1, 0), "held_usage": (2, 2.7)})
        self.contract.suspension = False
        self.contract._end(DECEMBER, "Moved")
        self.assertEqual(self.table(self.page(), "contracts"), {"notice": (1, 0), "notice_usage": (2, 2.7)})

    def test_two_currencies_are_told_apart(self):
        self.import_text(row(talk=55))
        euro = self.make_plan(minute_price=2)
        euro.currency_id = self.other_currency
        contract = self.make_contract(euro, manual_currency_id=self.other_currency.id)
        self.make_endpoint("300", contract.contract_line_ids)
        self.import_text(row(called="300", talk=55))
        (self.contract | contract).write({"suspension": "hold"})
        lines = self.page().line_ids.filtered(lambda line: line.kind == "held_usage")
        self.assertEqual(
            {(line.currency_id.name, line.call_count, line.amount) for line in lines}, {("USD", 1, 0.9), ("EUR", 1, 2)}
        )

    def test_the_number_of_queries_does_not_follow_the_rows(self):
        def count():
            page = self.env["call.assurance"].create({"date_from": "2026-10-01", "date_to": "2026-10-31"})
            self.env.flush_all()
            before = self.cr.sql_log_count
            page._compute_lines()
            self.env.flush_all()
            return self.cr.sql_log_count - before

        self.age(self.import_text(row(), row(called="000"), row(called="001")).suspense_ids, 1, 9)
        count()  # whatever is read once
        few = count()
        for number in range(5):
            contract = self.make_contract(name=f"C{number}")
            self.make_endpoint(f"55{number}", contract.contract_line_ids)
            contract.suspension = "hold"
        record = self.import_text(*(row(called=f"{n}5{number}") for number in range(5) for n in (5, 6, 7)))
        self.age(record.suspense_ids, *range(len(record.suspense_ids)))
        self.assertLessEqual(count(), few)

    def test_the_file_has_every_figure(self):
        self.import_text(row(talk=55))
        self.contract.suspension = "hold"
        page = self.page()
        text = base64.b64decode(page.csv).decode("utf-8-sig")
        self.assertIn('"of these, unbilled usage",USD,1,0,0.90\r\n', text)
        self.assertTrue(base64.b64decode(page.xlsx))
        self.assertEqual(page.csv_name, f"Revenue_Assurance_{self.env.company.name}_2026-10-01_2026-10-31.csv".replace(" ", "_"))

    def test_only_accountants_see_it(self):
        sales = new_test_user(self.env, "seller", groups="call_center_billing.group_sales")
        with self.assertRaises(AccessError):
            self.env["call.assurance"].with_user(sales).action_open()
        with self.assertRaises(AccessError):
            self.env["call.price.edit"].with_user(sales).search([])
        accountant = new_test_user(self.env, "biller", groups="call_center_billing.group_accountant")
        self.assertTrue(self.env["call.assurance"].with_user(accountant).action_open()["res_id"])
