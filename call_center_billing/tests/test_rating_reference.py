from decimal import Decimal

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from ..models.call_charge import duration_charge, line_amount
from . import reference_rater as reference
from .asterisk import row
from .common import CallBillingCommon

prices = st.decimals(0, 20, places=4, allow_nan=False)
increments = st.sampled_from([1, 6, 7, 10, 15, 30, 60])


class TestRatingReference(CallBillingCommon):
    """Random rules and calls through the engine and through the reference: equal."""

    @given(
        first=increments, following=increments, minimum=st.integers(0, 90), minute_price=prices, call_price=prices,
        talks=st.lists(st.integers(0, 4000), min_size=1, max_size=15),
    )  # fmt: skip
    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
        phases=[Phase.explicit, Phase.generate],  # shrinking would repeat imports and invoices for minutes
    )
    # Both lines round down, their exact sum rounds up: taxes rounded globally would move a cent into a line.
    @example(first=1, following=60, minimum=0, minute_price=Decimal("0.0084"), call_price=Decimal("0.0504"), talks=[1, 542])
    def test_calls_and_invoice_equal_the_reference(self, first, following, minimum, minute_price, call_price, talks):
        with self.cr.savepoint() as savepoint:
            plan = self.make_plan(minute_price=float(minute_price), call_price=float(call_price), increment_first=first,
                                  increment_next=following, minimum_seconds=minimum)  # fmt: skip
            contract = self.make_contract(plan)
            self.make_endpoint("777", contract.contract_line_ids)
            record = self.import_text(*(row(talk=talk, called="777") for talk in talks))
            expected = [reference.charged_seconds(talk, first, following, minimum) for talk in talks]
            self.assertEqual(self.calls(record).mapped("billed_seconds"), expected)
            minutes = sum(reference.price(seconds, minute_price, 0) for seconds in expected)
            fees = sum(reference.price(0, 0, call_price) for _talk in talks)
            move = self.bill(contract)
            self.assertEqual(
                sum((reference.to_cent(part) for part in (minutes, fees)), Decimal(0)),
                Decimal(str(round(move.amount_untaxed, 2))),
            )
            self.env.cr.execute("SELECT sum(amount)::text FROM call_usage_line WHERE import_id = %s", [record.id])
            self.assertAlmostEqual(Decimal(self.env.cr.fetchone()[0]), minutes + fees, 6)
            savepoint.rollback()
        self.env.invalidate_all()

    @given(seconds=st.integers(0, 10_000_000), price=st.decimals(0, 100, places=6), unit=st.sampled_from(["minute", "second"]))
    @settings(max_examples=500, deadline=None)
    def test_quantity_times_unit_price_is_the_sum_as_odoo_computes_it(self, seconds, price, unit):
        """Odoo multiplies floats and rounds: that must give the cent of the exact sum."""
        unit, quantity, unit_price = duration_charge(seconds, price, unit)
        self.assertEqual(quantity, round(quantity, 2))
        product = self.env.company.currency_id.round(float(quantity) * float(unit_price))
        self.assertAlmostEqual(product, float(line_amount(seconds, price, 2)), places=4)
