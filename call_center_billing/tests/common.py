import base64
import json
from datetime import date

from odoo import fields
from odoo.tests.common import new_test_user

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..models.call_completeness import FINDINGS
from .asterisk import PHONE

OCTOBER = date(2026, 10, 1)
NOVEMBER = date(2026, 11, 1)
DECEMBER = date(2026, 12, 1)
TODAY = "2026-11-05 10:00:00"


class CallBillingCommon(AccountTestInvoicingCommon):
    """A company with one source, one client in Berlin with a plan of 0.90 per minute, 60/60, and one number."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids |= cls.env.ref("call_center_billing.group_manager")
        # What is missing holds no invoice but in the tests of that.
        cls.env.company.write({f"call_gate_{kind}": "off" for kind in FINDINGS})
        cls.other_currency = cls.setup_other_currency("EUR")
        cls.client = cls.env["res.partner"].create({"name": "Dental Practice", "tz": "Europe/Berlin", "email": "d@example.com"})
        cls.product = cls.env["product.product"].create({"name": "Answering", "type": "service", "taxes_id": False})
        cls.source = cls.env["call.source"].create(
            {"name": "PBX", "tz": "Europe/Berlin", "outbound_contexts": "out", "country_id": False, "hold_near_duplicates": False}
        )
        cls.plan = cls.make_plan(minute_price=0.90)
        cls.contract = cls.make_contract()
        cls.line = cls.contract.contract_line_ids.filtered("rate_plan_id")
        cls.make_endpoint(PHONE + "0100")

    @classmethod
    def make_plan(cls, *rules, **rule):
        rules = rules or [rule]
        return cls.env["call.rate.plan"].create(
            {
                "name": "Plan",
                "rule_ids": [fields.Command.create({"name": "Inbound calls", "sequence": i, **r}) for i, r in enumerate(rules)],
            }
        )

    @classmethod
    def make_contract(cls, plan=None, partner=None, fee=0.0, date_start=OCTOBER, **values):
        """A monthly, post-paid contract with one usage line and, if wanted, a fixed fee."""
        recurrence = {"recurring_rule_type": "monthly", "recurring_invoicing_type": "post-paid", "date_start": date_start}
        lines = [{"name": "Usage", "product_id": cls.product.id, "rate_plan_id": (plan or cls.plan).id, **recurrence}]
        if fee:
            lines.append({"name": "Fee #START#", "product_id": cls.product.id, "price_unit": fee, **recurrence})
        return cls.env["contract.contract"].create(
            {
                "name": "Answering service",
                "partner_id": (partner or cls.client).id,
                "line_recurrence": True,
                "contract_line_ids": [fields.Command.create(line) for line in lines],
                **values,
            }
        )

    @classmethod
    def make_endpoint(cls, value, line=None, kind="number", **values):
        return cls.env["call.endpoint"].create(
            {"kind": kind, "value": value, "contract_line_id": (line or cls.line).id, **values}
        )

    @classmethod
    def import_text(cls, *rows, source=None, name="Master.csv", content=None):
        """Import rows as an uploaded file would be."""
        content = "".join(rows).encode() if content is None else content
        record = cls.env["call.import"].create(
            {"source_id": (source or cls.source).id, "name": name, "file": base64.b64encode(content)}
        )
        record.action_import()
        return record

    @classmethod
    def import_records(cls, *records, source=None):
        """Import records under our own names; see ``record``."""
        if source is None:
            source = cls.env["call.source"].search([("name", "=", "Programs")]) or cls.env["call.source"].create(
                {"name": "Programs", "tz": "UTC", "format": "normalised_json", "country_id": False, "hold_near_duplicates": False}
            )
        return cls.import_text(source=source, name="records.json", content=json.dumps(records).encode())

    @classmethod
    def record(cls, start="2026-10-05T10:00:00+02:00", talk=60, called=PHONE + "0100", **values):
        """An inbound, answered call, unless told otherwise."""
        cls.record_count = getattr(cls, "record_count", 0) + 1
        return {
            "record_ref": f"r{cls.record_count}",
            "start": start,
            "direction": "inbound",
            "disposition": "answered",
            "caller": "+491705550111",
            "called": called,
            "talk_seconds": talk,
        } | values

    @classmethod
    def make_portal_user(cls, partner, login="client"):
        return new_test_user(cls.env, login, groups="base.group_portal", partner_id=partner.id)

    def calls(self, *imports):
        return self.env["call.usage.line"].search([("import_id", "in", [each.id for each in imports])], order="line_number")

    def bill(self, contracts=None, until=NOVEMBER):
        return (contracts or self.contract)._bill_periods(until)

    def charges(self, statement=None):
        """Charges as a client reads them: (what, quantity, unit, unit price, amount)."""
        statement = statement or self.contract.call_statement_ids.filtered("charge_ids").sorted("date_start")[-1:]
        return [
            (charge.name.split(", ", 1)[1].rsplit(", ", 1)[0], charge.quantity, charge.unit, charge.unit_price, charge.amount)
            for charge in statement.charge_ids
        ]

    def assertTotals(self, record, read, accepted, duplicate=0, suspended=0, ignored=0):
        names = ("read", "accepted", "duplicate", "suspended", "ignored")
        self.assertEqual(
            {name: record[f"{name}_count"] for name in names},
            dict(zip(names, (read, accepted, duplicate, suspended, ignored), strict=True)),
        )
