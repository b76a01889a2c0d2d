"""The month: what it is made of, what is done in it, and what has to come out."""

import base64
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from odoo.fields import Command

sys.path.insert(0, str(Path(__file__).parents[1] / "call_center_billing" / "tests"))
from asterisk import row

DUE = date.today().replace(day=1)
FIRST = (DUE - timedelta(days=1)).replace(day=1)
FILES = 4
NAME, RENAMED, LOGIN = "Contract 0000", "Contract renamed", "cluster_client"
COMMENT = "None of our calls"
CRONS = ("call_center_billing.call_import_cron", "call_center_billing.call_billing_cron", "account.ir_cron_account_move_send")

OURS = "p.name LIKE 'Cluster client %'"
FACTS = {
    "files": "SELECT name, state, read_count, accepted_count, suspended_count, duplicate_count FROM call_import WHERE name LIKE 'cluster%'",
    "calls": """
        SELECT c.name, u.record_key, u.status, u.counted_seconds, u.billed_seconds, u.amount, s.state
          FROM call_usage_line u JOIN call_statement s ON s.id = u.statement_id JOIN contract_contract c ON c.id = s.contract_id""",
    "charges": """
        SELECT c.name, h.name, h.quantity, h.unit_price, h.amount, h.call_count
          FROM call_charge h JOIN call_statement s ON s.id = h.statement_id JOIN contract_contract c ON c.id = s.contract_id""",
    "invoices": f"""
        SELECT p.name, m.state, m.amount_untaxed, m.amount_total, m.is_move_sent
          FROM account_move m JOIN res_partner p ON p.id = m.partner_id WHERE {OURS}""",
    "invoice lines": f"""
        SELECT p.name, l.name, l.quantity, l.price_unit, l.price_subtotal
          FROM account_move_line l JOIN account_move m ON m.id = l.move_id JOIN res_partner p ON p.id = m.partner_id
         WHERE {OURS} AND l.display_type = 'product'""",
    "numbers of invoices, without gaps": f"""
        SELECT count(*), count(DISTINCT m.name), max(m.sequence_number) - min(m.sequence_number) + 1
          FROM account_move m JOIN res_partner p ON p.id = m.partner_id WHERE {OURS}""",
    "mails to clients": f"""
        SELECT p.name, count(*) FROM mail_notification n JOIN res_partner p ON p.id = n.res_partner_id
          JOIN mail_message m ON m.id = n.mail_message_id WHERE {OURS} AND m.model = 'account.move' GROUP BY 1""",
    "documents": f"""
        SELECT p.name, count(*) FROM ir_attachment a JOIN account_move m ON m.id = a.res_id AND a.res_model = 'account.move'
          JOIN res_partner p ON p.id = m.partner_id WHERE {OURS} GROUP BY 1""",
}
BILLED = "SELECT count(*) FROM call_billing_run_line WHERE state = 'invoiced' AND run_id = (SELECT max(id) FROM call_billing_run)"
UNDONE = "SELECT count(*) FROM queue_job WHERE state NOT IN ('done', 'failed', 'cancelled')"
DISPUTABLE = f"""
    SELECT min(u.id) FROM call_usage_line u JOIN call_statement s ON s.id = u.statement_id JOIN contract_contract c ON c.id = s.contract_id
     WHERE c.name IN ('{NAME}', '{RENAMED}') AND u.amount > 0"""


def build(env, count, calls):
    """Clients with a contract each, files that wait for their sources, and somebody who logs in."""
    from odoo.addons.call_center_billing.models.call_completeness import FINDINGS

    env["contract.contract"].search([]).active = False  # of the demo
    env["ir.cron"].search([]).active = False
    for name in CRONS:
        env.ref(name).active = True
    env.company.write({**{f"call_gate_{kind}": "off" for kind in FINDINGS}, "call_billing_schedule": "manual"})
    env["ir.mail_server"].search([]).active = False  # mails stay in the queue, where they are counted
    plan = env["call.rate.plan"].create(
        {
            "name": "Cluster",
            "rule_ids": [
                Command.create({"name": "Calls", "minute_price": 0.35, "call_price": 0.5, "tier_mode": "graduated", "tier_unit": "call",
                                "tier_ids": [Command.create({"up_to": 10, "price": 0.5}), Command.create({"up_to": 0, "price": 0.4})]}),
            ],
            "allowance_ids": [Command.create({"name": "Included", "quantity": 5})],
        }
    )  # fmt: skip
    product = env["product.product"].create({"name": "Answering", "type": "service", "taxes_id": False})
    partners = env["res.partner"].create(
        [{"name": f"Cluster client {n:04}", "tz": "UTC", "email": f"c{n}@example.com"} for n in range(count)]
    )
    line = {
        "name": "Usage", "product_id": product.id, "rate_plan_id": plan.id, "date_start": FIRST, "recurring_rule_type": "monthly",
        "recurring_invoicing_type": "post-paid",
    }  # fmt: skip
    env["contract.contract"].create(
        [
            {
                "name": f"Contract {n:04}",
                "partner_id": partner.id,
                "line_recurrence": True,
                "contract_line_ids": [
                    Command.create({**line, "endpoint_ids": [Command.create({"kind": "account_code", "value": f"c{n}"})]})
                ],
            }
            for n, partner in enumerate(partners)
        ]
    )
    person = env["res.partner"].create({"name": "Person", "parent_id": partners[0].id, "email": "person@example.com"})
    group = [Command.set(env.ref("base.group_portal").ids)]
    values = {"name": "Person", "login": LOGIN, "password": LOGIN, "partner_id": person.id, "group_ids": group}
    env["res.users"].with_context(no_reset_password=True).create(values)
    for number in range(FILES):
        source = env["call.source"].create(
            {"name": f"Cluster {number}", "tz": "UTC", "country_id": False, "hold_near_duplicates": False}
        )
        lines = [
            row(
                start=str(datetime.combine(FIRST, time(8)) + timedelta(days=call % 25, minutes=client % 600, seconds=call)),
                talk=20 + 7 * (call % 40),
                account=f"c{client}",
                uniqueid=f"{client}-{call}",
            )
            for client in range(number, count, FILES)
            for call in range(calls)
        ]
        content = base64.b64encode("".join([*lines, "torn line\n"]).encode())
        env["call.import"].create({"source_id": source.id, "name": f"cluster {number}.csv", "file": content})


# --- Steps: what a person starts, what the scheduled job does, what is left to do ---------------------------------------


@dataclass
class Step:
    name: str
    start: Callable
    cron: Callable
    left: Callable


def start_imports(env, _mails):
    env["call.import"].search([("name", "=like", "cluster%"), ("state", "=", "draft")])._enqueue()


def start_billing(env, _mails):
    run = env["call.billing.run"].create({"date": DUE, "invoice_date": DUE, "post": True})
    run._list_due()
    run.state = "running"
    run._leave_to_job()


def start_mails(env, count):
    moves = (
        env["account.move"].search([("partner_id.name", "=like", "Cluster client %")]).sorted(lambda move: move.partner_id.name)
    )
    moves[:count].sending_data = {"author_user_id": env.uid, "author_partner_id": env.user.partner_id.id}
    env.ref("account.ir_cron_account_move_send")._trigger()


STEPS = {
    step.name: step
    for step in (
        Step(
            "imports",
            start_imports,
            lambda env: env["call.import"]._cron_import(),
            lambda env: env["call.import"].search_count([("name", "=like", "cluster%"), ("state", "!=", "done")]),
        ),
        Step(
            "billing",
            start_billing,
            lambda env: env["call.billing.run"]._cron_run(),
            lambda env: env["call.billing.run"].search_count([("state", "!=", "done"), ("date", "=", DUE)]),
        ),
        Step(
            "mails",
            start_mails,
            lambda env: env["account.move"]._cron_account_move_send(10**6),
            lambda env: env["account.move"].search_count([("sending_data", "!=", False)]),
        ),
    )
}
