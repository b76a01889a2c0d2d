"""Decks of destination prices, and files that fill them."""

import base64
import doctest
import io
import json
import unittest
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, TransactionCase, new_test_user
from odoo.tests.common import BaseCase

from ..formats import rate_deck, rate_deck_changes
from ..formats.rate_deck import ALWAYS, FOR_GOOD, Terms
from ..formats.rate_deck_changes import Line, compare
from .format_case import SAMPLES

VECTORS = SAMPLES.parent / "vectors" / "prefix-vectors.json"
JULY = date(2026, 7, 1)
OCTOBER = date(2026, 10, 1)
HEAD = "prefix,destination,rate\n"


class RateDeckCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids |= cls.env.ref("call_center_billing.group_sales")
        cls.deck = cls.env["call.rate.deck"].create({"name": "A-Z", "currency_id": cls.env.ref("base.USD").id})

    def make_line(self, prefix, price=0.01, **values):
        return self.env["call.rate.deck.line"].create(
            {"deck_id": self.deck.id, "prefix": prefix, "minute_price": price, **values}
        )

    def make_import(self, content, **values):
        content = content if isinstance(content, bytes) else content.encode()
        defaults = {"deck_id": self.deck.id, "file_name": "deck.csv", "date_from": False}
        return self.env["call.rate.deck.import"].create({**defaults, "file": base64.b64encode(content), **values})

    def check(self, content, **values):
        """The wizard, when it has looked at a file."""
        wizard = self.make_import(content, **values)
        wizard.action_check()
        return wizard

    def load(self, content, **values):
        self.make_import(content, **values).action_import()
        return self.prices()

    def prices(self):
        """The deck as a table: prefix, first and last day, price per minute."""
        return [
            (line.prefix, line.date_start and str(line.date_start), line.date_end and str(line.date_end), line.minute_price)
            for line in self.deck.line_ids.sorted(lambda line: (line.prefix, line.date_start or date.min))
        ]

    def counts(self, wizard):
        return {name: wizard.result[name] for name in ("added", "updated", "unchanged", "ended")}

    def reasons(self, content, **values):
        return [(row, reason) for row, _raw, reason in self.check(content, **values).result["errors"]]


class TestRateDeck(RateDeckCase):
    def test_examples_in_docstrings_come_out(self):
        for module in (rate_deck, rate_deck_changes):
            result = doctest.testmod(module)
            self.assertTrue(result.attempted)
            self.assertFalse(result.failed)

    def test_a_prefix_is_stored_as_digits_however_it_is_written(self):
        line = self.make_line("+44 (20)")
        self.assertEqual(line.prefix, "4420")
        line.prefix = "0044 7"
        self.assertEqual(line.prefix, "447")
        with self.assertRaisesRegex(ValidationError, "consists of digits"):
            line.prefix = "44A"

    def test_the_longest_prefix_in_force_prices_a_call(self):
        wide = self.make_line("44", date_start=JULY)
        narrow = self.make_line("447", date_start=JULY, date_end=date(2026, 9, 30))
        self.assertEqual(self.deck._find_line("+44 7700 900123", date(2026, 9, 30)), narrow)
        self.assertEqual(self.deck._find_line("00447700900123", OCTOBER), wide)
        self.assertFalse(self.deck._find_line("447700900123", date(2026, 6, 30)))
        self.assertFalse(self.deck._find_line("anonymous", OCTOBER) or self.deck._find_line("", OCTOBER))

    def test_the_price_of_a_call_is_found_with_one_query(self):
        for prefix in ("4", "44", "447", "4477"):
            self.make_line(prefix)
        self.env.flush_all()
        self.env.invalidate_all()
        self.deck.id  # noqa: B018
        with self.assertQueryCount(1):
            line = self.deck._find_line("447700900123", OCTOBER)
            self.assertEqual(line.prefix, "4477")

    def test_two_prices_of_a_prefix_must_not_overlap_in_time(self):
        self.make_line("44", destination="UK", date_end=date(2026, 9, 30))
        self.make_line("44", destination="Britain", date_start=OCTOBER)
        with self.assertRaisesRegex(ValidationError, r"44 UK again \(2026-08-01 to for good\) and 44 "):
            self.make_line("44", destination="UK again", date_start=date(2026, 8, 1))

    def test_the_same_prefix_may_be_in_two_decks(self):
        other = self.deck.copy()
        self.make_line("44")
        self.make_line("44", deck_id=other.id)
        self.assertEqual((self.deck.line_count, other.line_count), (1, 1))

    def test_a_copy_of_a_deck_has_its_prices(self):
        self.make_line("44", 0.0125, date_start=OCTOBER)
        copied = self.deck.copy()
        self.assertEqual(copied.name, "A-Z (copy)")
        self.assertEqual(
            (copied.line_ids.prefix, copied.line_ids.date_start, copied.line_ids.minute_price), ("44", OCTOBER, 0.0125)
        )

    def test_a_deck_that_rules_use_is_not_deleted_and_the_rules_are_named(self):
        self.make_line("44")
        plan = self.env["call.rate.plan"].create({"name": "Abroad"})
        values = {"plan_id": plan.id, "name": "By destination", "source": "deck", "deck_id": self.deck.id}
        rule = self.env["call.rate.rule"].create(values)
        for active in (True, False):  # an archived rule can come back
            rule.active = active
            with self.assertRaisesRegex(UserError, "'By destination' of 'Abroad'. Archive it instead"):
                self.deck.unlink()
        rule.unlink()
        self.deck.unlink()
        self.assertFalse(self.deck.exists())

    def test_a_called_number_finds_its_prefixes_in_the_list(self):
        lines = self.make_line("44") | self.make_line("4420")
        self.make_line("49")
        self.assertEqual(self.env["call.rate.deck.line"].search([("number", "=", "+44 20 71234567")]), lines)

    def test_prices_and_increments_must_make_sense(self):
        for values in ({"minute_price": -0.01}, {"call_price": -1}, {"increment_first": 0}, {"increment_next": -6}):
            with self.subTest(values), self.assertRaises(Exception), self.cr.savepoint():  # noqa: B017
                self.make_line("44", **values)
                self.env.flush_all()


class TestRateDeckImport(RateDeckCase):
    def test_a_file_fills_an_empty_deck(self):
        table = self.load(
            "Dial Code;Country;Price per min;Setup;Billing Increment\n+44;UK;0,015;0,001;30/6\n0049;Germany;0,02;;\n"
        )
        self.assertEqual(table, [("44", False, False, 0.015), ("49", False, False, 0.02)])
        line = self.deck._find_line("44201234", OCTOBER)
        self.assertEqual((line.destination, line.call_price, line.increment_first, line.increment_next), ("UK", 0.001, 30, 6))
        line = self.deck._find_line("49301234", OCTOBER)
        self.assertEqual((line.call_price, line.increment_first, line.increment_next), (0, 60, 60))
        self.assertEqual(line.company_id, self.deck.company_id)

    def test_new_prices_begin_on_the_day_and_old_ones_end_before(self):
        self.make_line("44", 0.01)
        self.make_line("49", 0.02)
        table = self.load(HEAD + "44,UK,0.015\n", date_from=OCTOBER)
        self.assertEqual(
            table,
            [("44", False, "2026-09-30", 0.01), ("44", "2026-10-01", False, 0.015), ("49", False, False, 0.02)],
        )

    def test_without_a_day_old_prices_are_overwritten_in_place(self):
        line = self.make_line("44", 0.01, increment_next=1)
        self.assertEqual(self.load(HEAD + "44,UK,0.015\n"), [("44", False, False, 0.015)])
        self.assertEqual(self.deck.line_ids, line)
        self.assertEqual((line.destination, line.increment_next), ("UK", 1))

    def test_replacing_ends_what_the_file_does_not_have(self):
        self.make_line("44", 0.01)
        self.make_line("49", 0.02)
        self.make_line("91", 0.03, date_start=date(2026, 11, 1))
        table = self.load(HEAD + "44,UK,0.01\n", mode="replace", date_from=OCTOBER)
        self.assertEqual(table, [("44", False, False, 0.01), ("49", False, "2026-09-30", 0.02)])

    def test_replacing_does_not_end_a_prefix_whose_row_is_bad(self):
        self.make_line("44", 0.01)
        table = self.load(HEAD + "44,UK,free\n49,Germany,0.02\n", mode="replace", good_rows_only=True)
        self.assertEqual([row[0] for row in table], ["44", "49"])

    def test_effective_days_of_the_file_count_from_the_first_day_on(self):
        head = "Code,Rate,Effective Date,Valid Until\n"
        self.make_line("44", 0.01)
        wizard = self.check(head + "44,0.02,2026-01-01,9999-12-31\n44,0.03,1-Dec-2026,\n49,0.02,,2026-01-31\n", date_from=OCTOBER)
        self.assertEqual(self.counts(wizard) | {"over": wizard.result["over"]},
                         {"added": 0, "updated": 2, "unchanged": 0, "ended": 0, "over": 1})  # fmt: skip
        wizard.action_import()
        self.assertEqual(
            self.prices(),
            [("44", False, "2026-09-30", 0.01), ("44", "2026-10-01", "2026-11-30", 0.02), ("44", "2026-12-01", False, 0.03)],
        )

    def test_the_same_file_twice_changes_nothing(self):
        content = HEAD + "44,UK,0.015\n49,Germany,0.02\n"
        table = self.load(content, date_from=OCTOBER)
        ids = self.deck.line_ids.ids
        wizard = self.check(content, mode="replace", date_from=OCTOBER)
        self.assertEqual(self.counts(wizard), {"added": 0, "updated": 0, "unchanged": 2, "ended": 0})
        wizard.action_import()
        self.assertEqual((self.prices(), self.deck.line_ids.ids), (table, ids))

    def test_errors_name_the_row_what_it_says_and_why(self):
        wizard = self.check(HEAD + "44,UK,0.01\nabc,Bad <b>prefix</b>,0.01\n")
        self.assertEqual(wizard.result["errors"], [[3, "abc,Bad <b>prefix</b>,0.01", "a prefix consists of digits."]])
        self.assertIn("abc,Bad &lt;b&gt;prefix&lt;/b&gt;,0.01", wizard.preview)
        with self.assertRaisesRegex(UserError, "Rows that cannot be used: 1"):
            wizard.action_import()
        wizard.good_rows_only = True
        wizard.action_import()
        self.assertEqual([row[0] for row in self.prices()], ["44"])

    def test_what_could_mean_two_things_is_refused(self):
        for row, reason in (
            ('44,UK,"1,234"', "more than a thousand"),
            ("44,UK,0,015", "more cells than titles"),
            ("44-49,UK,0.01", "may be a range"),
            ('"44,49",UK,0.01', "a row each"),
            ("4.4E+11,UK,0.01", "spreadsheet"),
            ("44,UK,", "no price"),
            ("44,UK,EUR 0.01", "is not a price"),
            ("44,UK,1e20", "too much"),
        ):
            with self.subTest(row):
                self.assertIn(reason, self.reasons(HEAD + row + "\n")[0][1])
        for date_start, reason in (
            ("03/04/2026", "day/month or month/day"),
            ("soon", "not a date"),
            ("2026-02-30", "not a date"),
        ):
            with self.subTest(date_start):
                self.assertIn(reason, self.reasons(f"prefix,rate,valid from\n44,0.01,{date_start}\n")[0][1])
        for increment in ("0", "60/0", "1.5", "60/1/1", "x"):
            with self.subTest(increment):
                self.assertIn("not an increment", self.reasons(f"prefix,rate,billing increment\n44,0.01,{increment}\n")[0][1])
        self.assertIn("currency is EUR", self.reasons("prefix,rate,currency\n44,0.01,EUR\n")[0][1])

    def test_one_day_that_can_only_be_read_one_way_tells_the_order_of_all(self):
        self.load("prefix,rate,valid from\n44,0.01,03/04/2026\n49,0.01,13/04/2026\n")
        self.assertEqual([row[1] for row in self.prices()], ["2026-04-03", "2026-04-13"])

    def test_a_prefix_twice_is_merged_if_equal_and_refused_otherwise(self):
        wizard = self.check(HEAD + "44,UK,0.01\n+44,UK,0.010\n49,Germany,0.01\n49,Germany,0.02\n")
        self.assertEqual((wizard.result["added"], wizard.result["repeated"]), (1, 1))
        self.assertEqual(
            [(row, reason) for row, _raw, reason in wizard.result["errors"]],
            [
                (4, "row 5 has the same prefix with other prices or days."),
                (5, "row 4 has the same prefix with other prices or days."),
            ],
        )

    def test_prices_are_exact_and_rounding_is_told(self):
        wizard = self.check("prefix,rate\n1,0.0000005\n44,$ 0.123456\n49,1e-5\n")
        self.assertEqual(wizard.result["rounded"], 1)
        wizard.action_import()
        self.env.cr.execute("SELECT prefix, minute_price::text FROM call_rate_deck_line WHERE deck_id = %s ORDER BY prefix",
                            [self.deck.id])  # fmt: skip
        self.assertEqual(self.env.cr.fetchall(), [("1", "0.000001"), ("44", "0.123456"), ("49", "0.000010")])

    def test_a_workbook_is_read_like_text(self):
        book, stream = Workbook(), io.BytesIO()
        for row in (
            ("Carrier price list",),
            ("Code", "Name", "Rate", "From"),
            (44, "UK", 0.1 + 0.2, OCTOBER),
            ("0049", None, 1, None),
        ):
            book.active.append(row)
        book.save(stream)
        wizard = self.check(stream.getvalue())
        self.assertFalse(wizard.result["errors"] or wizard.result["rounded"])
        wizard.action_import()
        self.assertEqual(self.prices(), [("44", "2026-10-01", False, 0.3), ("49", False, False, 1.0)])

    def test_names_keep_their_letters_when_only_the_end_of_a_file_has_any(self):
        rows = "".join(f"{number},Somewhere in the world,0.01\n" for number in range(100000, 110000))
        self.load((HEAD + rows + "225,Côte d'Ivoire,0.02\n").encode("cp1252"))
        self.assertEqual(self.deck._find_line("2251234567", OCTOBER).destination, "Côte d'Ivoire")

    def test_a_file_that_is_no_deck_is_refused_with_its_reason(self):
        for content, reason in (
            (b" ", "no price"),
            (HEAD.encode(), "no price"),
            (b"44,UK,0.01\n49,DE,0.02\n", "named after a prefix"),
            (b"prefix,destination\n44,UK\n", "named after a price"),
            (b"prefix,rate,rate\n44,1,2\n", "Two columns"),
            (b"PK\x03\x04nonsense", "workbook is broken"),
            (b"<html></html>", "web page"),
            (b'[{"prefix": "44"}]', "JSON"),
            (bytes(range(256)) * 9, "neither text"),
        ):
            with self.subTest(content[:20]), self.assertRaisesRegex(UserError, reason):
                self.check(content)

    def test_the_preview_shows_texts_of_the_file_as_text(self):
        self.make_line("44", 0.0125)
        wizard = self.check(HEAD + '44,"<img src=x onerror=alert(1)>",0.015\n', file_name="<script>x</script>.csv")
        self.assertNotIn("<img", wizard.preview)
        for text in ("0.0125", "0.015", "+20.0 %", "&lt;img"):
            self.assertIn(text, wizard.preview)
        wizard.action_import()
        body = self.deck.message_ids[0].body
        self.assertIn("0 added, 1 updated, 0 unchanged, 0 ended", body)
        self.assertNotIn("<script", body)

    def test_the_preview_shows_the_largest_changes_and_counts_the_rest(self):
        self.load(HEAD + "".join(f"{number},,0.01\n" for number in range(1000, 1300)))
        wizard = self.check(HEAD + "".join(f"{number},,0.01{number}\n" for number in range(1000, 1300)))
        self.assertEqual(wizard.result["differences"][0]["prefix"], "1299")
        self.assertEqual(len(wizard.result["differences"]), 200)
        self.assertIn("100", wizard.preview.split("and ")[-1].split(" more differences")[0])

    def test_queries_do_not_grow_with_the_deck(self):
        def queries(size, price):
            content = HEAD + "".join(f"{number},Somewhere,{price}\n" for number in range(10**6, 10**6 + size))
            wizard = self.make_import(content, date_from=OCTOBER)
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            wizard.action_import()
            return self.env.cr.sql_log_count - before

        queries(1, 0.01)  # what is asked once only
        queries(1, 0.015)
        self.assertEqual(queries(5, 0.02), queries(3000, 0.03))

    def test_people_check_a_file_and_import_it_on_the_form(self):
        self.make_line("44", 0.01)
        form = Form(self.env["call.rate.deck.import"].with_context(default_deck_id=self.deck.id))
        self.assertTrue(form.date_from)
        form.file = base64.b64encode((HEAD + "44,UK,0.02\n49,Germany,0.03\n").encode()).decode()
        form.date_from = OCTOBER
        wizard = form.save()
        self.assertEqual(wizard.action_check()["res_id"], wizard.id)
        self.assertIn("+100.0 %", Form(wizard).preview)
        wizard.action_back()
        self.assertFalse(wizard.result)
        self.assertIn("1 added, 1 updated", wizard.action_import()["params"]["message"])
        with Form(self.deck) as form:
            self.assertEqual(form.line_count, 3)
        self.assertTrue(self.deck.imported_at)
        self.assertEqual(self.env["call.rate.deck.line"].search_count(self.deck.action_view_lines()["domain"]), 3)


class TestRateDeckAccess(RateDeckCase):
    def test_a_client_on_the_portal_reaches_no_deck(self):
        self.make_line("44")
        portal = new_test_user(self.env, "deck_client", groups="base.group_portal")
        for model in ("call.rate.deck", "call.rate.deck.line", "call.rate.deck.import"):
            with self.subTest(model), self.assertRaises(AccessError):
                self.env[model].with_user(portal).search_read([], ["id"])

    def test_another_company_sees_and_imports_nothing(self):
        self.make_line("44")
        company = self.env["res.company"].create({"name": "Other"})
        other = new_test_user(
            self.env,
            "deck_other",
            groups="call_center_billing.group_manager",
            company_id=company.id,
            company_ids=[(6, 0, company.ids)],
        )
        for model in ("call.rate.deck", "call.rate.deck.line"):
            self.assertFalse(self.env[model].with_user(other).search([]))
        wizard = self.make_import(HEAD + "44,UK,9\n").with_user(other).sudo(False)
        mine = wizard.create({"deck_id": self.deck.id, "file": base64.b64encode((HEAD + "44,UK,9\n").encode())})
        for step in (mine.action_check, mine.action_import):
            with self.assertRaises(AccessError):
                step()
        self.assertEqual(self.prices(), [("44", False, False, 0.01)])

    def test_sales_staff_keep_decks_and_others_do_not(self):
        sales = new_test_user(self.env, "deck_sales", groups="call_center_billing.group_sales")
        clerk = new_test_user(self.env, "deck_clerk", groups="base.group_user")
        deck = self.env["call.rate.deck"].with_user(sales).create({"name": "Mine"})
        content = base64.b64encode((HEAD + "44,UK,0.01\n").encode())
        self.env["call.rate.deck.import"].with_user(sales).create({"deck_id": deck.id, "file": content}).action_import()
        self.assertEqual(deck.line_count, 1)
        with self.assertRaises(AccessError):
            self.env["call.rate.deck"].with_user(clerk).search([])


@unittest.skipUnless(VECTORS.exists(), "the vectors are not beside this checkout")
class TestRateDeckVectors(RateDeckCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.vectors = json.loads(VECTORS.read_text())

    def test_longest_prefix(self):
        vector = self.vectors["longest_prefix"]
        for prefix, destination in vector["table"].items():
            self.make_line(prefix, destination=destination)
        for number, prefix in vector["cases"]:
            with self.subTest(number):
                self.assertEqual(self.deck._find_line(number, OCTOBER).prefix or None, prefix)

    def test_longest_prefix_2(self):
        vector = self.vectors["longest_prefix_2"]
        expect = vector["expect"]
        self.make_line("99")
        wizard = self.check(vector["csv"], mode="replace")
        self.assertEqual((wizard.result["added"], wizard.error_count), (expect["dry_run"]["valid"], expect["dry_run"]["invalid"]))
        self.assertEqual([row[0] for row in self.prices()], ["99"])
        with self.assertRaises(UserError):
            wizard.action_import()
        wizard.good_rows_only = True
        wizard.action_import()
        self.assertEqual(len(self.prices()), expect["partial_imported"])
        for number, prefix in expect["lookup"].items():
            self.assertEqual(self.deck._find_line(number, OCTOBER).prefix, prefix)
        self.assertFalse(self.deck._find_line("99123", OCTOBER))

    def test_dirty_deck(self):
        vector = self.vectors["dirty_deck"]
        self.assertEqual(len(self.reasons(vector["csv"])), vector["expect_errors"])
        with self.assertRaisesRegex(UserError, "Not one row"):
            self.load(vector["csv"], good_rows_only=True)

    def test_delimiters(self):
        for delimiter in ",;\t|":
            rows = (("DialCode", "Country", "PricePerMin", "BillingIncrement"), ("44", "UK", "0.0150", "60/1"))
            with self.subTest(delimiter):
                wizard = self.check("".join(delimiter.join(row) + "\n" for row in rows))
                (row,) = wizard.result["differences"]
                self.assertEqual(
                    (row["prefix"], row["destination"], row["new"], row["more"]), ("44", "UK", "0.015", "Increments 60/1")
                )

    def test_deck_diff(self):
        vector = self.vectors["deck_diff"]
        for prefix, price in vector["existing"].items():
            self.make_line(prefix, float(price), date_end=False)
        for mode in ("merge", "replace"):
            upload = vector["upload"]
            with self.subTest(mode):
                expected = {**vector[mode], "ended": vector[mode]["deleted"]}
                del expected["deleted"]
                self.assertEqual(self.counts(self.check(upload, mode=mode)), expected)


DAYS = [date(2026, 1, 1) + timedelta(days=n) for n in range(12)]
PERIODS = st.tuples(st.sampled_from([ALWAYS, *DAYS]), st.sampled_from([*DAYS, FOR_GOOD])).filter(lambda days: days[0] <= days[1])
PRICES = st.integers(1, 2)


def apart(entries):
    """Those entries of (prefix, period, price) that do not overlap others before them."""
    kept = []
    for prefix, (start, end), price in entries:
        if not any(prefix == other and start <= last and end >= first for other, (first, last), _price in kept):
            kept.append((prefix, (start, end), price))
    return kept


ENTRIES = st.lists(st.tuples(st.sampled_from("12"), PERIODS, PRICES), max_size=6).map(apart)


class TestRateDeckChanges(BaseCase):
    def table(self, lines):
        """Price by prefix and day; no two lines have the same."""
        table = {}
        for line in lines:
            for day in (date(2025, 12, 31), *DAYS, date(2026, 2, 1)):
                if line.date_start <= day <= line.date_end:
                    self.assertNotIn((line.prefix, day), table)
                    table[line.prefix, day] = line.terms.minute_price
        return table

    @settings(max_examples=100, deadline=None)
    @given(ENTRIES, ENTRIES, st.sampled_from([ALWAYS, DAYS[5]]), st.booleans(), st.sampled_from(["", "1"]))
    def test_from_its_first_day_a_row_takes_the_place_of_what_was_there(self, old, new, day, replace, held):
        lines = [
            Line(number, prefix, "", *days, Terms(Decimal(price), Decimal(0), 60, 60))
            for number, (prefix, days, price) in enumerate(old, 1)
        ]
        rows = [
            Line(None, prefix, "", max(days[0], day), days[1], Terms(Decimal(price)))
            for prefix, days, price in new
            if days[1] >= day
        ]
        changes = compare(lines, rows, day, replace, held)
        known = {line.id: line for line in lines}
        for number in changes.removals:
            del known[number]
        for number, line in enumerate(changes.writes):
            self.assertTrue(line.id is None or line.id in known)
            known[line.id or f"new {number}"] = line
        expected = self.table(lines)
        firsts = {prefix: min(row.date_start for row in rows if row.prefix == prefix) for prefix in {row.prefix for row in rows}}
        for prefix, at in list(expected) if replace else ():
            if at >= firsts.get(prefix, FOR_GOOD if prefix in held else day):
                del expected[prefix, at]
        self.assertEqual(self.table(known.values()), expected | self.table(rows))
        self.assertEqual(changes.added + changes.updated + changes.unchanged, len(rows))
