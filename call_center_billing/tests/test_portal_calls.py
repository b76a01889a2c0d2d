import csv
import io
import re
from datetime import date
from unittest.mock import patch
from urllib.parse import urlencode

from freezegun import freeze_time
from openpyxl import load_workbook

from odoo.tests import HttpCase, tagged

from .asterisk import row
from .common import DECEMBER, NOVEMBER, TODAY, CallBillingCommon


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestPortalCalls(HttpCase, CallBillingCommon):
    """Calls of October and November, of two numbers, some at the same second; the last digits of callers hidden."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contract.masked_digits = 4
        cls.client_user = cls.make_portal_user(cls.client, "client_user")
        cls.make_portal_user(cls.env["res.partner"].create({"name": "Stranger Ltd"}), "stranger_user")
        cls.import_text(
            *(row(start="2026-10-05 10:00:00", talk=30) for _i in range(5)),
            row(start="2026-10-06 11:00:00", talk=200, caller="+4930777001234"),
            row(start="2026-10-07 12:00:00", talk=0, disposition="BUSY", caller="anonymous"),
            row(start="2026-10-31 23:30:00", talk=70, agent="PJSIP/305-0000a1b2"),
        )
        cls.bill(cls, cls.contract, NOVEMBER).action_post()
        cls.import_text(*(row(start=f"2026-11-03 1{hour}:00:00", talk=60) for hour in range(3)))
        cls.october = {"date_from": "2026-10-01", "date_to": "2026-10-31"}

    def search(self, user=None, size=50, after=None, before=None, **values):
        Search = self.env["call.search"].with_user(user or self.client_user)
        return Search._page(Search._criteria(values), size, after=after, before=before)

    def found(self, **values):
        return self.search(**self.october | values)[0]

    def get(self, login="client_user", path="/my/calls", **values):
        self.authenticate(login, login)
        return self.url_open(f"{path}?{urlencode(values)}")

    def rows(self, **values):
        text = self.get(path="/my/calls/csv", **values).content.decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text)))

    def test_without_days_the_last_period_is_shown(self):
        page = self.get().text
        self.assertIn('value="2026-10-01"', page)
        self.assertEqual(len(re.findall('class="collapse"', page)), 8)

    def test_calls_are_found_by_what_is_asked(self):
        for values, count in (
            ({"disposition": "busy"}, 1), ({"charged": "no"}, 1), ({"charged": "yes"}, 7), ({"agent": "305"}, 1),
            ({"price_from": "1,80"}, 2), ({"price_from": "0.5", "price_to": "0.9"}, 5), ({"queue": "Support"}, 0),
            ({"service": f"c{self.contract.id}"}, 8), ({"service": f"l{self.line.id}"}, 8), ({"service": "c1"}, 0),
            ({"date_from": "2026-10-31"}, 1), ({"date_from": "2026-10-06", "date_to": "2026-10-07"}, 2),
        ):  # fmt: skip
            with self.subTest(values):
                self.assertEqual(len(self.found(**values)), count)

    def test_nonsense_finds_what_is_left(self):
        values = {"price_from": "1; DROP", "sort": "id;", "disposition": "'", "service": "x1", "charged": "%"}
        self.assertEqual(len(self.found(**values)), 8)
        self.assertEqual(len(self.search(date_from="yesterday", date_to="0000-99-99")[0]), 8)
        self.assertFalse(self.found(agent="%"))
        self.assertEqual(self.get(after="1 OR 1=1", before="²", **self.october).status_code, 200)

    def test_a_number_is_found_however_it_is_written_but_no_hidden_digit(self):
        self.assertEqual(set(self.found().mapped("caller_shown")), {"+49170555XXXX", "+493077700XXXX", "anonymous"})
        for number, count in (
            ("+49 170-555", 6), ("0170555", 6), ("170555", 6), ("3077700XXXX", 1), ("anonym", 1), ("0111", 0), ("1234", 0),
            ("777001234", 0), ("(0)305550100", 8), ("305550100", 8), ("\\", 0), ("%", 0), ("_", 0),
        ):  # fmt: skip
            with self.subTest(number):
                self.assertEqual(len(self.found(number=number)), count)

    def test_at_most_three_months_are_looked_at(self):
        criteria = (
            self.env["call.search"].with_user(self.client_user)._criteria({"date_from": "2001-01-01", "date_to": "2026-11-30"})
        )
        self.assertEqual(criteria.date_from, date(2026, 8, 29))

    def test_pages_have_each_call_once_in_order_whatever_is_equal(self):
        for sort in ("newest", "oldest", "dearest", "cheapest"):
            whole = self.found(sort=sort)
            with self.subTest(sort):
                forward, after, later = [], None, True
                while later:
                    calls, earlier, later = self.search(size=3, after=after, sort=sort, **self.october)
                    self.assertEqual(earlier, bool(forward))
                    forward += calls.ids
                    after = calls[-1:].id
                self.assertEqual(forward, whole.ids)
                calls, earlier, later = self.search(size=3, before=whole[6].id, sort=sort, **self.october)
                self.assertEqual((calls, earlier, later), (whole[3:6], True, True))
                calls, earlier, later = self.search(size=3, before=whole[3].id, sort=sort, **self.october)
                self.assertEqual((calls, earlier, later), (whole[:3], False, True))

    def test_periods_follow_one_another_in_a_search(self):
        self.assertEqual(len(self.found(date_to="2026-11-30")), 8)
        self.bill(self.contract, DECEMBER).action_post()
        calls = self.found(date_to="2026-11-30")
        self.assertEqual(len(calls), 11)
        self.assertEqual(calls, calls.sorted(lambda call: (call.start_at, call.id), reverse=True))

    def test_late_calls_are_found_by_their_own_day(self):
        self.import_text(row(start="2026-10-20 09:00:00", talk=61))
        self.bill(self.contract, DECEMBER).action_post()
        self.assertEqual(len(self.found(date_from="2026-10-20", date_to="2026-10-20")), 1)

    def test_a_period_that_was_billed_again_is_found_once(self):
        move = self.contract.call_statement_ids.invoice_id
        move._reverse_moves([{"call_usage": "again"}], cancel=True)
        self.assertEqual(len(self.found()), 8)
        self.bill(self.contract, NOVEMBER).action_post()
        self.assertEqual(len(self.found()), 8)

    def test_files_have_exactly_what_is_filtered(self):
        for values in ({}, {"charged": "no"}, {"number": "170555"}, {"price_from": "1.8", "sort": "dearest"}):
            with self.subTest(values):
                rows = self.rows(**self.october | values)
                found = self.found(**values)
                statement = self.contract.call_statement_ids
                starts = sorted(statement._local_time(call.start_at) for call in found)
                self.assertEqual(sorted(line["Start (Europe/Berlin)"] for line in rows), starts)
                self.assertEqual({line["Caller"] for line in rows}, set(found.mapped("caller_shown")))
        book = load_workbook(io.BytesIO(self.get(path="/my/calls/xlsx", charged="no", **self.october).content))
        self.assertEqual([cells[0].value for cells in book.active.iter_rows()], ["Contract", "Answering service"])

    def test_many_calls_are_counted_up_to_a_limit(self):
        Search = self.env["call.search"].with_user(self.client_user)
        with patch("odoo.addons.call_center_billing.models.call_search.COUNTED", 3):
            self.assertEqual(Search._count(Search._criteria(self.october)), 4)

    def test_each_call_opens_its_price_in_words(self):
        page = self.get(number="3077700", **self.october).text.replace("&#39;", "'").replace("\xa0", " ")
        for words in ("Rule 'Inbound calls'", "Rounded to 60/60 seconds: 240 s", "On the invoice: 240 s", "3.6000", "XXXX"):
            self.assertIn(words, page)
        self.assertNotIn("1234<", page)

    def test_another_client_finds_nothing_and_places_no_page_by_a_foreign_call(self):
        call = self.found()[0]
        page = self.get("stranger_user", after=call.id, **self.october).text
        self.assertIn("No calls.", page)
        self.assertNotIn("XXXX", page)
        text = self.get("stranger_user", path="/my/calls/csv", service=f"c{self.contract.id}", **self.october).text
        self.assertEqual(len(text.splitlines()), 1)

    def test_without_login_there_is_the_login_page(self):
        self.authenticate(None, None)
        for path in ("/my/calls", "/my/calls/csv", "/my/calls/xlsx"):
            self.assertIn("/web/login", self.url_open(path).url)
