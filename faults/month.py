"""A small month of six clients, step by step, as people, phone systems, banks and scheduled jobs work on it.

Each step can be repeated after a fault: what was acknowledged is not asked for again, and who got no answer looks first whether it was
done, as people do. Machines (push, webhook) simply ask again."""

import base64
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path

from odoo import Command

sys.path.insert(0, str(Path(__file__).parents[1] / "call_center_billing" / "tests"))
from asterisk import row

MODULE = "call_center_billing"
CLIENTS = 6
DUE = date.today().replace(day=1)
FIRST = (DUE - timedelta(days=1)).replace(day=1)


def days(count, hour):
    """So many moments of the month, no two of them the same."""
    return [datetime.combine(FIRST, time(hour)) + timedelta(days=n % 25, minutes=n) for n in range(count)]


def log(name, count, hour):
    """Lines of a phone system: calls of all clients, some that cannot be read, some of a client that nobody knows."""
    lines = []
    for number, start in enumerate(days(count, hour)):
        talk, code = 20 + 7 * (number % 40), f"c{number % (CLIENTS + 1)}"
        lines.append(row(start=str(start), talk=talk, account=code, uniqueid=f"{name}-{number}"))
        if number % 17 == 5:
            lines.append(f"torn line {number}\n")
    return base64.b64encode("".join(lines).encode())


# --- The world before the first step ------------------------------------------------------------------------------------


def build(env, mail_port, database_host):
    from odoo.addons.call_center_billing.models.call_completeness import FINDINGS

    env["contract.contract"].search([]).active = False  # of the demo
    env["call.source"].search([]).active = False
    company = env.company
    gates = {f"call_gate_{kind}": "off" for kind in FINDINGS}
    company.write(
        {**gates, "call_payment_confirmation": "all", "call_offers_collection": True, "call_billing_schedule": "manual"}
    )
    env["ir.mail_server"].search([]).active = False
    env["mail.mail"].search([]).unlink()
    env["ir.mail_server"].create({"name": "M", "smtp_host": "127.0.0.1", "smtp_port": mail_port, "smtp_encryption": "none"})
    minutes = {"name": "Calls", "minute_price": 0.9, "call_price": 0.05}
    plan = env["call.rate.plan"].create({"name": "Minutes", "rule_ids": [Command.create(minutes)]})
    tiers = [Command.create({"up_to": 10, "price": 1.2}), Command.create({"up_to": 0, "price": 1})]
    rule = {"name": "Calls by number", "call_price": 1.2, "tier_mode": "graduated", "tier_unit": "call", "tier_ids": tiers}
    allowance = {"name": "Included", "quantity": 3, "unit": "call"}
    tiered = env["call.rate.plan"].create(
        {"name": "Tiers", "rule_ids": [Command.create(rule)], "allowance_ids": [Command.create(allowance)]}
    )
    product = env["product.product"].create({"name": "Answering", "type": "service", "taxes_id": False})
    for number in range(CLIENTS):
        partner = env["res.partner"].create({"name": f"Client {number}", "tz": "UTC", "email": f"c{number}@example.com"})
        recurrence = {"recurring_rule_type": "monthly", "recurring_invoicing_type": "post-paid", "date_start": FIRST}
        usage = {"name": "Usage", "product_id": product.id, "rate_plan_id": (tiered if number % 2 else plan).id}
        usage["endpoint_ids"] = [Command.create({"kind": "account_code", "value": f"c{number}"})]
        lines = [usage | recurrence, {"name": "Fee", "product_id": product.id, "price_unit": 10} | recurrence]
        env["contract.contract"].create(
            {
                "name": f"Contract {number}",
                "partner_id": partner.id,
                "payment_term_id": False,
                "line_recurrence": True,
                "contract_line_ids": [Command.create(line) for line in lines],
            }
        )
    common = {"tz": "UTC", "country_id": False, "hold_near_duplicates": False}
    env["call.source"].create({"name": "Upload", **common})
    push = env["call.source"].create({"name": "Push", "format": "normalised_json", "push_enabled": True, "legs": "leg", **common})
    env["ir.config_parameter"].set_param("faults.secret", push.action_new_push_secret()["params"]["message"])
    env["call.source"].create(
        {
            "name": "Pull", "format": "asterisk_table", "legs": "leg", "pull_host": database_host,
            "pull_database": "phone", "pull_user": "odoo", "pull_schema": "public", "pull_table": "cdr", "pull_limit": 15,
            "pull_overlap": 1, "pull_id_column": "id", "pull_enabled": True, **common,
        }
    )  # fmt: skip
    bank = env["account.journal"].search([("type", "=", "bank"), ("company_id", "=", company.id)], limit=1)
    demo = env.ref("payment.payment_provider_demo")
    demo.write({"state": "test", "is_published": True, "journal_id": bank.id})
    env["ir.config_parameter"].set_param("payment.enable_portal_payment", True)


def phone_table(cr):
    """What the phone system that is asked by ``pull`` has in its own database."""
    cr.execute(
        """CREATE TABLE cdr (id serial, calldate timestamp, src text, dst text, dcontext text, channel text, dstchannel text,
        lastapp text, lastdata text, accountcode text, duration integer, billsec integer, disposition text, amaflags integer,
        uniqueid text)"""
    )
    for number, start in enumerate(days(40, 18)):
        values = (start, f"c{number % CLIENTS}", 65, 30 + number, f"pull-{number}")
        cr.execute(
            """INSERT INTO cdr (calldate, src, dst, dcontext, dstchannel, lastapp, accountcode, duration, billsec, disposition, amaflags,
            uniqueid) VALUES (%s, '+491705550111', '49305550100', 'in', 'PJSIP/201-1', 'Dial', %s, %s, %s, 'ANSWERED', 3, %s)""",
            (values[0], values[1], values[2] + number, values[3], values[4]),
        )


def imports(work):
    """What waits is imported; what had no luck so often that it was left to people, they start again."""

    def again(env):
        env["call.import"].search([("state", "=", "failed")]).action_import()

    for _look in range(2):  # the job may find only now that it had no luck
        work.ask("import again", again, also=lambda env: env["call.import"].search([("state", "=", "failed")]))
        work.job(f"{MODULE}.call_import_cron", lambda env: env["call.import"].search([("state", "in", ("waiting", "running"))]))


# --- Steps --------------------------------------------------------------------------------------------------------------


def source(env, name):
    return env["call.source"].search([("name", "=", name)])


def contracts(env):
    return env["contract.contract"].search([("name", "=like", "Contract _")], order="id")


def upload(work):
    """One file imported while the accountant waits, a larger one in the background, part by part, and the first one again."""
    for name, content in (("small.csv", log("a", 30, 9)), ("large.csv", log("b", 150, 14)), ("small again.csv", log("a", 30, 9))):

        def choose(env, name=name, content=content):
            imports = env["call.import"]
            if not imports.search([("name", "=", name)]):
                imports.create({"source_id": source(env, "Upload").id, "name": name, "file": content})

        def start(env, name=name):
            record = env["call.import"].search([("name", "=", name), ("state", "in", ("draft", "failed"))])
            record._enqueue() if record and name == "large.csv" else record.action_import()

        work.ask(f"choose {name}", choose)
        work.ask(f"import {name}", start)
    imports(work)


def push(work):
    """A phone system posts calls, one by one and several at once, and again what was not acknowledged."""
    secret, path = work.read(
        lambda env: (
            env["ir.config_parameter"].get_param("faults.secret"),
            f"/{MODULE}/push/{source(env, 'Push').id}",
        )
    )
    for number in range(8):
        calls = [
            {
                "record_ref": f"push-{number}-{part}", "start": f"{FIRST.replace(day=2 + number)}T10:0{part}:00Z", "direction": "inbound",
                "disposition": "answered", "account_code": f"c{number % CLIENTS}", "called": "+49305550100", "talk_seconds": 45 + number,
            }
            for part in range(1 + number % 3)
        ]  # fmt: skip
        work.post(f"post {number}", path, calls, {"Authorization": f"Bearer {secret}"})
    work.job(f"{MODULE}.call_push_cron", lambda env: env["call.push"].search([("import_id", "=", False)]))
    imports(work)


def pull(work):
    """The phone system's own table is read, fifteen rows at a time."""
    rows = 40
    work.job(
        f"{MODULE}.call_source_pull_cron",
        lambda env: sum(source(env, "Pull").import_ids.filtered(lambda i: i.state == "done").mapped("accepted_count")) < rows,
    )


def rating(work):
    """A number that nobody knew gets its owner and its records are recycled; a price changes and open calls are rated again."""

    def know(env):
        line = contracts(env)[0].contract_line_ids.filtered("rate_plan_id")
        if not env["call.endpoint"].search([("value", "=", f"c{CLIENTS}")]):
            env["call.endpoint"].create({"kind": "account_code", "value": f"c{CLIENTS}", "contract_line_id": line.id})

    def recycle(env):
        open_ones = env["call.suspense"].search([("state", "=", "open"), ("account_code", "=", f"c{CLIENTS}")])
        if open_ones:
            open_ones.action_recycle()

    def change(env):
        env["call.rate.plan"].search([("name", "=", "Minutes")]).rule_ids.minute_price = 0.8

    work.ask("endpoint", know)
    work.ask("recycle", recycle)
    work.ask("price", change)
    work.ask(
        "rate again", lambda env: env["call.rerate"].create({"contract_ids": [Command.set(contracts(env).ids)]}).action_apply()
    )


def billing(work):
    """All periods are closed, invoiced and posted by one run, in the background, two contracts a batch."""

    def start(env):
        runs = env["call.billing.run"]
        if not runs.search([("line_ids.contract_id", "in", contracts(env).ids)]):
            runs.create({"date": DUE, "invoice_date": DUE, "post": True, "state": "draft"}).action_run()

    def again(env):
        env["call.billing.run"].search([("line_ids.state", "=", "failed")]).action_retry()

    work.ask("run", start)
    work.job(f"{MODULE}.call_billing_cron", lambda env: env["call.billing.run"].search([("state", "!=", "done")]))
    if work.read(lambda env: bool(env["call.billing.run"].search([("line_ids.state", "=", "failed")]))):
        work.ask("retry", again)
        work.job(f"{MODULE}.call_billing_cron", lambda env: env["call.billing.run"].search([("state", "!=", "done")]))


def documents(work):
    """The invoices of three clients get their statements and documents, and their mails into the queue."""

    def send(env):
        moves = invoices(env)[:3].filtered(lambda move: not move.is_move_sent)
        moves.sending_data = {"author_user_id": env.uid, "author_partner_id": env.user.partner_id.id}

    unsent = lambda env: invoices(env)[:3].filtered(lambda move: not move.is_move_sent)  # noqa: E731
    work.ask("send", send, also=lambda env: unsent(env).filtered(lambda move: not move.sending_data))
    work.job("account.ir_cron_account_move_send", lambda env: env["account.move"].search([("sending_data", "!=", False)]))


def mails(work):
    """What is in the queue is sent; what was not, because something failed, once more."""

    def again(env):
        env["mail.mail"].search([("state", "=", "exception")]).mark_outgoing()

    work.ask("retry mails", again, also=lambda env: env["mail.mail"].search([("state", "=", "exception")]))
    work.job("mail.ir_cron_mail_scheduler_action", lambda env: env["mail.mail"].search([("state", "=", "outgoing")]))


def credit(work):
    """One client disputes two calls, which are credited at once; the invoice of another is credited and its usage billed again."""

    def dispute(env):
        statement = invoices(env)[0].call_statement_ids
        if not statement.dispute_ids:
            calls = statement.usage_line_ids.filtered(lambda call: call.status == "billable" and call.amount).sorted("id")[:2]
            statement._raise_dispute([{"usage_id": call.id} for call in calls], env.ref(f"{MODULE}.dispute_reason_other"))

    def decide(env):
        (case,) = invoices(env)[0].call_statement_ids.dispute_ids
        if not case.outcome:
            case.line_ids.decision = "accept"
            case._decide(settle="now", response="Sorry")

    def post(env):
        env["account.move"].search([("move_type", "=", "out_refund"), ("state", "=", "draft")])._post()

    def reverse(env):
        move = invoices(env)[1]
        if not move.reversal_move_ids:
            wizard = env["account.move.reversal"].with_context(active_model="account.move", active_ids=move.ids)
            wizard.create(
                {"journal_id": move.journal_id.id, "call_usage": "again", "reason": "Wrong", "date": DUE}
            ).reverse_moves()

    def bill(env):
        if not env["call.billing.run"].search_count([("id", ">", env["call.billing.run"].search([], order="id", limit=1).id)]):
            env["call.billing.run"].create({"date": DUE, "invoice_date": DUE, "post": True}).action_run()

    for name, request in (("dispute", dispute), ("decide", decide), ("post note", post), ("reverse", reverse), ("post", post)):
        work.ask(name, request)
    work.ask("bill again", bill)
    work.job(f"{MODULE}.call_billing_cron", lambda env: env["call.billing.run"].search([("state", "!=", "done")]))
    mails(work)


def payment(work):
    """One client pays by card on the portal, the provider tells it by its webhook; another has its saved card charged on the due date."""
    reference = "FAULTS-1"

    def start(env):
        if not env["payment.transaction"].search([("reference", "=", reference)]):
            env["payment.transaction"].create(
                transaction(env, invoices(env)[3]) | {"reference": reference, "operation": "online_direct"}
            )

    def agree(env):
        move = invoices(env)[4]
        if env["payment.token"].search([("partner_id", "=", move.partner_id.id)]):
            return
        values = {
            "provider_id": env.ref("payment.payment_provider_demo").id,
            "payment_method_id": env.ref("payment_demo.payment_method_demo").id,
            "payment_details": "1234", "partner_id": move.partner_id.id, "provider_ref": "card", "demo_simulated_state": "done",
        }  # fmt: skip
        token = env["payment.token"].create(values)
        token.write({"call_collects": True, "call_agreed_on": FIRST})

    work.ask("transaction", start)
    work.ask("card", agree)

    def look(env):
        """The accountant is asked about a charge that broke off, and writes down what the provider's site says."""
        for charge in unknown(env):
            charge.provider_reference = f"demo-{charge.reference}"
            charge._set_done()

    unknown = lambda env: env["payment.transaction"].search([("call_collected_id", "!=", False), ("state", "=", "draft")])  # noqa: E731
    paid = {"jsonrpc": "2.0", "params": {"reference": reference, "simulated_state": "done"}}
    work.post("webhook", "/payment/demo/simulate_payment", paid, {})
    work.job(f"{MODULE}.call_collection_of_dues_cron", lambda env: not invoices(env)[4].transaction_ids)
    work.ask("what became of it", look, also=unknown)
    work.job(
        "payment.cron_post_process_payment_tx",
        lambda env: env["payment.transaction"].search([("is_post_processed", "=", False), ("state", "=", "done")]),
    )
    work.job(f"{MODULE}.call_payment_notice_cron", lambda env: env["call.payment.notice"].search([("state", "=", "waiting")]))
    mails(work)


def archive(work):
    """The calls of what is paid go into files, those of one client are brought back."""

    def due(env):
        return [statement for statement, _calls, reason in env["call.archive"]._candidates(env.company, 0) if not reason]

    def back(env):
        min(env["call.archive"].search([]), key=lambda archive: archive.statement_id.id)._bring_back("Asked for")

    work.ask("archive", lambda env: env["call.archive"]._run(env.company, commit=True), also=due)
    work.ask("bring back", back)


def invoices(env):
    return env["account.move"].search(
        [("move_type", "=", "out_invoice"), ("partner_id.name", "=like", "Client _"), ("call_statement_ids", "!=", False)],
        order="id",
        limit=CLIENTS,
    )


def transaction(env, move):
    return {
        "provider_id": env.ref("payment.payment_provider_demo").id,
        "payment_method_id": env.ref("payment_demo.payment_method_demo").id,
        "amount": move.amount_residual,
        "currency_id": move.currency_id.id,
        "partner_id": move.partner_id.id,
        "invoice_ids": [Command.set(move.ids)],
    }


STEPS = {
    "upload": upload,
    "push": push,
    "pull": pull,
    "rating": rating,
    "closing and invoices": billing,
    "documents": documents,
    "mails": mails,
    "credit": credit,
    "payment": payment,
    "archive": archive,
}
