from odoo.tests.common import new_test_user

from .asterisk import row
from .common import NOVEMBER, CallBillingCommon


def is_ours(cls):
    """Whether a class of the registry was written in this add-on, or in its glue."""
    return cls.__module__.startswith("odoo.addons.call_center_billing")


class SecurityCase(CallBillingCommon):
    """Records of a client with two locations, and everybody who is interested in them.

    ``users``: role -> user. ``records``: model -> a record of the first location.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Partner = cls.env["res.partner"]
        cls.group = Partner.create({"name": "Group", "is_company": True, "email": "g@example.com"})
        location = {"parent_id": cls.group.id, "type": "other", "tz": "Europe/Berlin", "email": "n@example.com"}
        north, south = Partner.create([{"name": name, **location} for name in ("North", "South")])
        cls.contract.write({"partner_id": north.id, "invoice_partner_id": north.id})
        cls.client, cls.stranger = north, Partner.create({"name": "Stranger", "email": "s@example.com"})
        people = Partner.create([{"name": "N", "parent_id": north.id}, {"name": "S", "parent_id": south.id}])
        cls.other_company = cls.env["res.company"].create({"name": "Other"})
        cls.users = {
            "public": cls.env.ref("base.public_user").sudo(),
            "client": cls.make_portal_user(people[0], "client_user"),
            "sibling": cls.make_portal_user(people[1], "sibling_user"),
            "stranger": cls.make_portal_user(cls.stranger, "stranger_user"),
            **{role: cls.staff(role) for role in ("sales", "accountant", "manager")},
            "other": cls.staff("manager", company_id=cls.other_company.id, company_ids=[(6, 0, cls.other_company.ids)]),
        }
        cls.make_records()

    @classmethod
    def staff(cls, role, **values):
        login = f"{role}_{len(values)}"
        return new_test_user(cls.env, login, groups=f"call_center_billing.group_{role},base.group_allow_export", **values)

    @classmethod
    def make_records(cls):
        brought = cls.import_text(row(talk=61), row(start="2026-10-06 11:00:00", talk=61), row(called="000"), "nonsense\n")
        cls.move = cls.contract._bill_periods(NOVEMBER)
        cls.move.action_post()
        cls.statement = cls.move.call_statement_ids
        cls.statement.sudo().message_post(body="For the client", subtype_xmlid="mail.mt_comment")
        for followed in (cls.contract, cls.move):
            followed.message_subscribe(cls.users["client"].partner_id.ids)
        agreement = cls.env["call.agreement"].create({"contract_id": cls.contract.id})
        agreement._offer()
        usage = brought.usage_line_ids[:1]
        dispute = cls.statement._raise_dispute([{"usage_id": usage.id}], cls.env.ref("call_center_billing.dispute_reason_other"))
        days = {"date_start": "2026-10-01", "date_end": "2026-10-31", "sent_at": "2026-11-02"}
        report = cls.env["call.performance.report"].sudo().create({"contract_id": cls.contract.id, **days})
        mine = [
            agreement,
            dispute,
            dispute.line_ids,
            report,
            usage,
            cls.statement,
            cls.statement.charge_ids[:1],
            brought,
            cls.move,
        ]
        mine += [
            cls.contract,
            cls.line,
            brought.suspense_ids[:1],
            cls.plan,
            cls.plan.rule_ids[:1],
            cls.source,
            cls.line.endpoint_ids[:1],
        ]
        mine += [cls.move.invoice_line_ids[:1]]
        cls.records = {record._name: record.with_env(cls.env) for record in mine}
        cls.env.flush_all()

    def own_models(self):
        """Every model with a table that this add-on, or its glue, makes or extends."""
        return sorted(
            name for name, cls in self.env.registry.items() if not cls._abstract and any(is_ours(each) for each in cls.__mro__)
        )
