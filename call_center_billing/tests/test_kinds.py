import json

from .common import CallBillingCommon


class TestKinds(CallBillingCommon):
    """Messages, outcomes and agent time beside calls, all by one mapping.

    Product model 4: 1 call at 0.95 + 2 messages at 0.25 + 1 SMS at 0.10 = 1.55.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan.rule_ids.unlink()
        cls.plan.write({"rule_ids": [(0, 0, {"name": name, **values}) for name, values in (
            ("Calls", {"call_price": 0.95}),
            ("SMS", {"kind": "message", "queue": "sms", "call_price": 0.10}),
            ("Messages", {"kind": "message", "call_price": 0.25}),
            ("Agent time", {"kind": "agent_time", "minute_price": 0.50, "increment_first": 1, "increment_next": 1}),
            ("Sales", {"kind": "outcome", "call_price": 25}),
        )]})  # fmt: skip
        names = ("start", "record_ref", "kind", "account_code", "queue", "quantity", "total_seconds")
        cls.mapping = cls.env["call.mapping"].create(
            {
                "name": "Work list",
                "delimiter": ";",
                "header": True,
                "time_format": "iso",
                "duration_unit": "seconds",
                "line_ids": [(0, 0, {"position": i, "title": name, "field": name}) for i, name in enumerate(names, 1)],
            }
        )
        cls.source = cls.env["call.source"].create(
            {"name": "Work", "tz": "UTC", "format": "generic_csv", "mapping_id": cls.mapping.id, "hold_near_duplicates": False}
        )
        cls.make_endpoint("dental", kind="account_code")
        cls.header = ";".join(names) + "\n"

    def events(self, *rows):
        lines = [f"2026-10-05 10:00:0{i};{i};{kind};dental;{queue};{n};{s}\n" for i, (kind, queue, n, s) in enumerate(rows)]
        return self.import_text(self.header, *lines)

    def test_calls_messages_and_texts_have_their_own_prices(self):
        record = self.events(("call", "", "", 60), ("message", "", 2, 0), ("message", "sms", 1, 0))
        self.assertTotals(record, read=3, accepted=3)
        invoice = self.bill()
        self.assertEqual(
            [
                (line.call_charge_id.unit, line.quantity, line.price_unit, line.price_subtotal)
                for line in invoice.invoice_line_ids
            ],
            [("call", 1, 0.95, 0.95), ("message", 1, 0.10, 0.10), ("message", 2, 0.25, 0.50)],
        )
        self.assertEqual(invoice.amount_untaxed, 1.55)

    def test_outcomes_and_agent_time(self):
        self.events(("outcome", "", 3, 0), ("agent_time", "", "", 90))
        lines = self.bill().invoice_line_ids
        units = [(line.call_charge_id.unit, line.quantity, line.price_subtotal) for line in lines]
        self.assertEqual(units, [("second", 90, 0.75), ("outcome", 3, 75)])

    def test_a_quantity_that_an_invoice_cannot_state_is_refused(self):
        record = self.events(("message", "", "x", 0), ("message", "", "-1", 0), ("message", "", "1.001", 0), ("call", "", "", 5))
        self.assertEqual(record.suspense_ids.mapped("reason"), ["bad_quantity"] * 3)

    def test_only_calls_have_an_outcome(self):
        position = len(self.mapping.line_ids) + 1
        self.mapping.line_ids = [(0, 0, {"position": position, "title": "result", "field": "disposition"})]
        rows = ["2026-10-05 10:00:00;1;message;dental;;2;0;\n", "2026-10-05 10:00:00;2;call;dental;;;5;\n"]
        record = self.import_text(self.header.replace("\n", ";result\n"), *rows)
        self.assertEqual((self.calls(record).kind, record.suspense_ids.reason), ("message", "bad_disposition"))

    def test_what_no_rule_prices_is_suspended(self):
        self.plan.rule_ids.filtered(lambda rule: rule.kind == "outcome").unlink()
        record = self.events(("outcome", "", 1, 0), ("call", "", "", 5))
        self.assertEqual(record.suspense_ids.reason, "no_rule")

    def test_other_programs_send_them_too(self):
        source = self.env["call.source"].create({"name": "CRM", "tz": "UTC", "format": "normalised_json"})
        sent = {"start": "2026-10-05T10:00:00Z", "record_ref": "m1", "kind": "message", "account_code": "dental", "quantity": 2}
        (outcome,) = source.load_records([json.loads(json.dumps(sent))])
        self.assertEqual(outcome["outcome"], "accepted")
        self.assertEqual(self.contract.call_statement_ids.usage_amount, 0.5)
