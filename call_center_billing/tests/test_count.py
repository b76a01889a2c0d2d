from datetime import date
from unittest.mock import patch

from freezegun import freeze_time
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL

from ..indicators import Served
from ..models.call_count import STORED
from .common import DECEMBER, NOVEMBER, TODAY, CallBillingCommon
from .test_service_level import ServiceCase

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))


class CountCase(CallBillingCommon):
    def counts(self, *names, **where):
        """What is counted now, as rows of these columns."""
        self.env["call.count"]._count_due()
        domain = [(name, "=", value) for name, value in where.items()]
        return [tuple(row[name] for name in names) for row in self.env["call.count"].search(domain, order="date, hour, id")]

    def now(self):
        return self.env["call.count"]._current(self.contract, *OCTOBER)

    def stored(self):
        columns = SQL(", ").join(map(SQL.identifier, STORED))
        return self.env.execute_query(SQL("SELECT %s FROM call_count ORDER BY %s", columns, columns))

    def assertExact(self):
        """What is counted equals the calls: as it is read now, as it is stored soon, and as it is rebuilt."""
        Count = self.env["call.count"]
        contracts = self.env["contract.contract"].search([])
        columns = SQL(", ").join(map(SQL.identifier, STORED))
        now = SQL("SELECT %s FROM %s now ORDER BY %s", columns, Count._current(contracts, date.min, date.max), columns)
        current = self.env.execute_query(now)
        Count._count_due()
        stored = self.stored()
        Count._rebuild()
        self.assertEqual(current, stored)
        self.assertEqual(stored, self.stored())
        return stored


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestCount(CountCase):
    def test_calls_are_counted_by_service_queue_agent_day_and_hour(self):
        self.import_records(
            self.record(queue="sales", agent="ann", queue_seconds=5, talk=50, hold_seconds=7, wrap_seconds=3),
            self.record(start="2026-10-05T10:59:59+02:00", queue="sales", agent="ann", queue_seconds=30, talk=10),
            self.record(queue="sales", talk=0, disposition="abandoned", queue_seconds=12),
            self.record(start="2026-10-05T11:00:00+02:00", queue="help", talk=0, disposition="voicemail"),
        )
        names = (
            "queue",
            "agent",
            "hour",
            "offered_count",
            "answered_count",
            "in_time_count",
            "abandoned_count",
            "handling_seconds",
        )
        self.assertEqual(
            set(self.counts(*names)),
            {
                ("sales", "ann", 10, 2, 2, 1, 0, 70),
                ("sales", False, 10, 1, 0, 0, 1, 0),
                ("help", False, 11, 1, 0, 0, 0, 0),
            },
        )
        self.assertExact()

    def test_an_import_only_notes_the_days(self):
        self.import_records(self.record())
        self.assertFalse(self.env["call.count"].search([]))
        self.assertTrue(self.env["call.count.due"].search([]))
        with patch.object(self.registry["ir.cron"], "_commit_progress", return_value=60):
            self.env["call.count"]._cron_count()
        self.assertEqual(self.env["call.count"].search([]).mapped("call_count"), [1])
        self.assertFalse(self.env["call.count.due"].search([]))

    def test_what_was_not_counted_yet_is_counted_when_it_is_read(self):
        self.import_records(self.record(start="2026-10-05T10:00:00+02:00"), self.record(start="2026-10-06T10:00:00+02:00"))
        Count = self.env["call.count"]
        Count._count_due()
        self.import_records(self.record(start="2026-10-06T11:00:00+02:00"))
        served = Count._served(self.now(), 20, by=("date",))
        self.assertEqual({day.day: each.answered for (day,), each in served.items()}, {5: 1, 6: 2})
        self.assertTrue(self.env["call.count.due"].search([]))  # reading writes nothing

    def test_day_and_hour_are_the_client_s(self):
        self.import_records(self.record(start="2026-10-05T21:59:59+00:00"), self.record(start="2026-10-05T22:00:00+00:00"))
        self.assertEqual(self.counts("date", "hour", "weekday"), [(date(2026, 10, 5), 23, "1"), (date(2026, 10, 6), 0, "2")])

    def test_the_hour_that_comes_twice_in_autumn_has_one_name(self):
        self.import_records(self.record(start="2026-10-25T00:30:00+00:00"), self.record(start="2026-10-25T01:30:00+00:00"))
        self.assertEqual(self.counts("hour", "call_count"), [(2, 2)])

    def test_the_hour_that_is_left_out_in_spring_has_no_calls(self):
        contract = self.make_contract(date_start=date(2026, 3, 1))
        self.make_endpoint("+49309999", line=contract.contract_line_ids)
        moments = ("2026-03-29T00:59:00+00:00", "2026-03-29T01:00:00+00:00")
        self.import_records(*(self.record(start=moment, called="+49309999") for moment in moments))
        self.assertEqual(self.counts("hour"), [(1,), (3,)])

    def test_another_time_zone_of_the_client_moves_the_hours(self):
        self.import_records(self.record(start="2026-10-05T10:00:00+00:00"))
        self.assertEqual(self.counts("hour"), [(12,)])
        self.contract.usage_tz = "Europe/London"
        self.assertEqual(self.counts("hour"), [(11,)])
        self.assertExact()

    def test_a_call_of_several_records_counts_once_for_who_answered_first(self):
        common = {"group_ref": "g", "queue": "sales"}
        self.import_records(
            self.record(**common, talk=0, disposition="no_answer", agent="ann", ring_seconds=15),
            self.record(**common, start="2026-10-05T10:00:20+02:00", agent="bob", ring_seconds=4, talk=60),
            self.record(**common, start="2026-10-05T11:00:30+02:00", agent="cid", talk=30),
        )
        self.assertEqual(self.counts("agent", "hour", "answered_count", "wait_seconds", "talk_seconds"), [("bob", 10, 1, 15, 90)])
        self.assertExact()

    def test_a_record_that_comes_later_joins_its_call(self):
        self.import_records(self.record(group_ref="g", talk=0, disposition="abandoned", ring_seconds=9))
        self.assertEqual(self.counts("abandoned_count", "answered_count"), [(1, 0)])
        self.import_records(self.record(group_ref="g", start="2026-10-05T10:00:09+02:00"))
        self.assertEqual(self.counts("abandoned_count", "answered_count"), [(0, 1)])
        self.assertExact()

    def test_records_of_an_id_that_is_used_again_much_later_are_another_call(self):
        self.import_records(self.record(group_ref="g"))
        self.counts()
        self.import_records(self.record(group_ref="g", start="2026-10-07T10:00:00+02:00"))
        self.assertEqual(self.counts("date", "call_count"), [(date(2026, 10, 5), 1), (date(2026, 10, 7), 1)])

    def test_a_newer_version_and_its_undoing_are_followed(self):
        record = self.record(talk=60)
        first = self.import_records(record)
        self.assertEqual(self.counts("talk_seconds", "amount"), [(60, 0.9)])
        second = self.import_records({**record, "talk_seconds": 90})
        self.assertEqual(self.counts("talk_seconds", "amount"), [(90, 1.8)])
        with self.assertRaises(UserError):
            second.action_undo()
        first.action_undo()
        second.action_undo()
        self.assertFalse(self.counts("talk_seconds"))

    def test_a_recycled_record_is_counted(self):
        self.import_records(self.record(), self.record(called="+493012345"))
        self.assertEqual(self.counts("call_count"), [(1,)])
        self.make_endpoint("+493012345")
        self.env["call.suspense"].search([]).action_recycle()
        self.assertEqual(self.counts("call_count"), [(2,)])
        self.assertExact()

    def test_rating_again_moves_the_price(self):
        self.import_records(self.record())
        self.assertEqual(self.counts("amount"), [(0.9,)])
        self.plan.rule_ids.minute_price = 1.2
        self.env["call.rerate"].create({"plan_ids": [Command.set(self.plan.ids)]}).action_apply()
        self.assertEqual(self.counts("amount"), [(1.2,)])
        self.assertExact()

    def test_late_usage_and_what_takes_a_billed_call_back_stand_by_themselves(self):
        record = self.record(talk=60)
        self.import_records(record)
        self.bill().action_post()
        self.import_records({**record, "talk_seconds": 120}, self.record(talk=60))
        rows = self.counts("late", "call_count", "amount")
        self.assertEqual(rows, [(False, 1, 0.9), (True, 2, 1.8)])
        self.assertEqual(self.env["call.count"]._served(self.now(), 20)[()].answered, 1)
        self.assertExact()

    def test_what_is_billed_again_counts_once(self):
        self.import_records(self.record())
        invoice = self.bill()
        invoice.action_post()
        self.counts()
        reversal = self.env["account.move.reversal"].with_context(active_model="account.move", active_ids=invoice.ids)
        reversal.create({"journal_id": invoice.journal_id.id, "call_usage": "again"}).refund_moves()
        invoice.reversal_move_ids.action_post()
        self.assertTrue(self.contract.call_statement_ids.earlier_ids)
        self.assertEqual(self.counts("call_count"), [(1,)])
        self.assertExact()

    def test_calls_after_the_end_of_a_contract_leave_the_counts(self):
        self.import_records(self.record(), self.record(start="2026-10-20T10:00:00+02:00"))
        self.assertEqual(len(self.counts("date")), 2)
        self.contract.last_day = date(2026, 10, 10)
        self.contract._leave_out_usage()
        self.assertEqual(self.counts("date", "call_count"), [(date(2026, 10, 5), 1), (date(2026, 10, 20), 0)])
        self.assertExact()

    def test_agent_time_and_messages_are_no_calls(self):
        self.plan.rule_ids = [Command.create({"name": "Agents", "kind": "agent_time"})]
        self.import_records(
            self.record(agent="ann", talk=1800, direction="inbound"),
            self.record(kind="agent_time", agent="ann", talk=0, total_seconds=3600, queue_seconds=3600),
        )
        rows = self.counts("agent", "call_count", "handling_seconds", "logged_seconds")
        self.assertEqual(rows, [("ann", 1, 1800, 3600)])

    def test_seconds_of_the_contract_are_measured_anew(self):
        self.import_records(self.record(queue_seconds=25))
        self.assertEqual(self.counts("in_time_count"), [(0,)])
        self.contract.service_seconds = 25
        self.assertEqual(self.counts("in_time_count"), [(1,)])

    def test_calls_that_were_here_before_are_noted(self):
        self.import_records(self.record())
        self.env.cr.execute("DELETE FROM call_count_due")
        self.env["call.count.due"]._mark_uncounted()
        self.assertEqual(self.counts("call_count"), [(1,)])

    def test_a_rebuild_mends_what_is_wrong(self):
        self.import_records(self.record())
        self.counts()
        before = self.stored()
        self.env.cr.execute(
            "UPDATE call_count SET call_count = 7; INSERT INTO call_count_due SELECT 99, 1, '2020-01-01', now(), now()"
        )
        self.env["call.count"]._rebuild(self.contract, *OCTOBER)
        self.assertEqual(self.stored(), before)

    def test_ratios_of_a_group_are_those_of_its_calls(self):
        self.import_records(
            *(self.record(start=f"2026-10-05T10:00:{i:02}+02:00", queue_seconds=5) for i in range(9)),
            self.record(start="2026-10-05T11:00:00+02:00", queue_seconds=50),
        )
        self.counts()
        names = ("service_level:avg", "answer_speed:avg", "handling_time:avg", "abandonment:avg")
        ((level, speed, handling, abandoned),) = self.env["call.count"]._read_group([], aggregates=names)
        self.assertEqual((level, speed, handling, abandoned), (90, 9.5, 60, 0))

    def test_staff_group_by_what_they_ask_for(self):
        self.import_records(self.record(queue="sales", agent="ann"), self.record(queue="help", direction="inbound"))
        self.counts()
        sales = new_test_user(self.env, "analyst", groups="call_center_billing.group_sales")
        Count = self.env["call.count"].with_user(sales)
        names = (
            "partner_id",
            "contract_id",
            "contract_line_id",
            "queue",
            "agent",
            "date:week",
            "date:month",
            "weekday",
            "hour",
            "late",
        )
        for name in names:
            with self.subTest(name):
                rows = Count.formatted_read_group(
                    [("direction", "=", "inbound")], [name], ["offered_count:sum", "service_level:avg"]
                )
                self.assertEqual(sum(row["offered_count:sum"] for row in rows), 2)
        self.assertEqual(
            set(Count.get_views([(False, "pivot"), (False, "graph"), (False, "list")])["views"]), {"pivot", "graph", "list"}
        )

    def test_who_reads_it(self):
        self.import_records(self.record())
        self.counts()
        sales = new_test_user(self.env, "count_sales", groups="call_center_billing.group_sales")
        self.assertTrue(self.env["call.count"].with_user(sales).search([]))
        client = self.make_portal_user(self.client, "count_client")
        self.assertFalse(self.env["call.count"].with_user(client).has_access("read"))


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestServedByCounts(CountCase, ServiceCase):
    """The table of product.md: one month of calls, computed by hand."""

    def test_the_variants_of_the_service_level(self):
        """1,000 offered, 943 answered, 811 of them in 20 s; 57 abandoned, 19 of them in 20 s."""
        scaled = ((811, "answered", 20), (132, "answered", 21), (19, "abandoned", 20), (38, "abandoned", 21))
        self.serve(*scaled)
        served = self.env["call.count"]._served(self.now(), 20)[()]
        self.assertEqual(served, Served(1000, 943, 811, 57, 19, 811 * 20 + 132 * 21, 943 * 60))
        levels = [f"{float(served.value('service_level', each)):.1f}" for each in ("late", "offered", "short", "answered")]
        self.assertEqual(levels, ["82.7", "81.1", "83.0", "86.0"])

    def test_any_number_of_seconds_is_exact(self):
        self.serve(*((1, outcome, wait) for outcome in ("answered", "abandoned") for wait in (0, 3, 3, 19, 20, 21, 40, 500)))
        statement = self.contract.call_statement_ids
        for seconds in (1, 3, 19, 20, 40, 499, 500, 5000):
            self.contract.write({"service_seconds": seconds, "short_abandon_seconds": seconds})
            ((_terms, by_calls, _short),) = statement._measure().values()
            with self.subTest(seconds):
                self.assertEqual(self.env["call.count"]._served(self.now(), seconds)[()], by_calls)

    def test_a_period_is_no_mean_of_its_days(self):
        """1 of 1 and 1 of 4 calls in time are 40 %, not 62.5 %."""
        self.serve((1, "answered", 5))
        later = self.record(start="2026-10-06T08:00:00+00:00", queue_seconds=5)
        self.import_records(later, *(self.record(start="2026-10-06T09:00:00+00:00", queue_seconds=60) for _i in range(3)))
        served = self.env["call.count"]._served(self.now(), 20)[()]
        self.assertEqual(served.value("service_level", "late"), 40)

    def test_a_month_is_the_client_s_across_midnight_and_changed_clocks(self):
        """In time are 3 of 4 calls of Berlin's October, 75 %, and 2 of the 4 of New York's, 50 %: it begins and ends later."""
        partner = self.env["res.partner"].create({"name": "Parcel Service", "tz": "America/New_York"})
        contracts = {"Berlin": (self.contract, "+49305550100"), "New York": (self.make_contract(partner=partner), "555")}
        self.make_endpoint("555", contracts["New York"][0].contract_line_ids)
        moments = {
            "2026-09-30T22:00:00+00:00": 5,  # midnight in Berlin, the evening before in New York
            "2026-10-25T00:30:00+00:00": 5,  # half past two in Berlin
            "2026-10-25T01:30:00+00:00": 60,  # and once more
            "2026-10-31T22:59:59+00:00": 5,
            "2026-10-31T23:00:00+00:00": 60,  # November in Berlin, not yet in New York
        }
        levels = {}
        for city, (contract, called) in contracts.items():
            self.import_records(*(self.record(start=start, called=called, queue_seconds=wait) for start, wait in moments.items()))
            counts = self.env["call.count"]._current(contract, *OCTOBER)
            served = self.env["call.count"]._served(counts, 20)[()]
            levels[city] = (served.answered, *(served.value("service_level", each) for each in ("late", "answered")))
        self.assertEqual(levels, {"Berlin": (4, 75, 75), "New York": (4, 50, 50)})


def told(number, group, start, outcome, talk, queue):
    """A record of a small pool: ids and calls come again with other content."""
    return {
        "record_ref": f"r{number}", "group_ref": group, "start": start, "direction": "inbound", "disposition": outcome,
        "caller": "+491705550111", "called": "+49305550100", "queue": queue, "talk_seconds": talk if outcome == "answered" else 0,
        "queue_seconds": 7 * number,
    }  # fmt: skip


RECORDS = st.builds(
    told,
    st.integers(0, 5),
    st.sampled_from([None, "g", "h"]),
    st.sampled_from(
        ["2026-10-05T10:00:00Z", "2026-10-05T21:59:00Z", "2026-10-05T22:01:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]
    ),
    st.sampled_from(["answered", "answered", "abandoned", "failed"]),
    st.sampled_from([30, 90]),
    st.sampled_from(["sales", "help"]),
)
STEPS = st.one_of(
    st.tuples(st.just("import"), st.lists(RECORDS, min_size=1, max_size=5)),
    st.tuples(st.sampled_from(["undo", "price", "bill", "again", "count", "count"]), st.integers(0, 3)),
)


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestCountsAgree(CountCase):
    """Whatever happens in whatever order, and whenever it is counted: counts equal the calls."""

    def do_import(self, records):
        self.done.append(self.import_records(*records))

    def do_undo(self, number):
        for record in self.done[number : number + 1]:
            if record.state == "done" and record.read_count:
                record._undo()

    def do_price(self, number):
        self.plan.rule_ids.minute_price = number
        statements = self.contract.call_statement_ids.filtered(lambda statement: statement.state == "open")
        changed = self.env["call.rerating"]._rerate(SQL("u.statement_id = ANY(%s)", statements.ids))
        statements.browse(changed)._recount()

    def do_bill(self, number):
        self.bill(until=DECEMBER if number else NOVEMBER).filtered(lambda move: move.state == "draft").action_post()

    def do_again(self, number):
        for move in self.contract.call_statement_ids.invoice_id.filtered(lambda move: move.state == "posted")[:1]:
            move.button_draft()
            move.button_cancel()
            move.action_bill_call_usage_again()

    def do_count(self, number):
        self.env["call.count"]._count_due()

    @given(st.lists(STEPS, min_size=2, max_size=8))
    @settings(
        max_examples=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
    def test_counts_equal_the_calls(self, steps):
        with self.cr.savepoint() as savepoint:
            self.done = []
            for name, value in steps:
                try:
                    with self.env.cr.savepoint():
                        getattr(self, f"do_{name}")(value)
                except UserError:  # not allowed now, and nothing happened
                    self.env.invalidate_all()
            self.assertExact()
            savepoint.rollback()
        self.env.invalidate_all()
