"""The demo: some months of invented calls, imported, rated, invoiced and sent as the people of a call center would.

    odoo shell -d DATABASE --no-http < tools/demo.py     the whole cycle, on the add-on's demo data
    python tools/demo.py FILE                            only the call log of last month, for trying an import

Running the cycle again brings the calls since then, and changes nothing else: what is here already is recognised, and what is invoiced is
not invoiced twice.
"""

import base64
import random
import sys
import tempfile
import threading
import time
from calendar import monthrange
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

MODULE = "call_center_billing"
SOURCE_ZONE = "Europe/Berlin"
NOBODY = "+49305550199"  # a number that no contract has
MAILBOX = "8550"
PEOPLE = ("Ann Miller", "Jürgen Vogel", "Rosa Díaz", "Tom O'Neil", 'Bea "Bee" Hart', "Li Chen, Jr.", "Zoë Quist", "")


# --- Calls: each maker gives the legs of one call, in seconds after its start ---------------------------------------


def _leg(app, data, wait, talk, disposition="ANSWERED", **other):
    """One row: it rings ``wait`` seconds, then lasts ``talk`` seconds; ``after`` and ``channel`` place it in its call."""
    return {"app": app, "data": data, "wait": wait, "talk": talk, "disposition": disposition, "after": 0, "channel": 0} | other


def _agent(rng):
    return f"PJSIP/{rng.randint(201, 240)}"


def _talk(rng, typical):
    return 4 + int(rng.lognormvariate(0, 0.8) * typical)


def _number_call(rng, numbers):
    """A called number, answered by an agent; some are transferred after asking a colleague."""
    agent, ring, talk = _agent(rng), rng.randint(3, 20), _talk(rng, 80)
    dial = {"app": "Dial", "data": f"{agent},25,tT", "dst": rng.choice(numbers), "context": "from-trunk", "to": agent}
    kind = rng.choices(("talk", "transfer", "none", "busy", "menu", "voicemail"), (78, 6, 8, 2, 3, 3))[0]
    if kind == "none":
        return [_leg(wait=25, talk=0, disposition="NO ANSWER", **dial)]
    if kind == "busy":
        return [_leg(wait=1, talk=0, disposition="BUSY", **dial)]
    if kind == "menu":
        return [_leg(wait=0, talk=rng.randint(2, 20), **dial | {"app": "Playback", "data": "welcome", "to": ""})]
    if kind == "voicemail":
        return [_leg(wait=25, talk=rng.randint(8, 90), **dial | {"app": "VoiceMail", "data": "200@default,u", "to": ""})]
    legs = [_leg(wait=ring, talk=talk, **dial)]
    if kind == "transfer":
        other, asked = _agent(rng), rng.randint(8, 40)
        consult = {"src": agent[-3:], "dst": other[-3:], "context": "consult", "to": other, "flags": "OMIT", "channel": 1}
        legs.append(_leg("Dial", f"{other},20", 4, asked, after=ring + talk - asked - 4 if talk > asked + 8 else ring, **consult))
        legs.append(_leg(wait=0, talk=_talk(rng, 60), after=ring + talk, **dial | {"to": other}))
    return legs


def _queue_call(rng, queues):
    """A call that waits in a queue; some ring at an agent in vain, some give up, some leave a message."""
    queue, wait = rng.choice(queues), 2 + int(rng.expovariate(1 / 35))
    call = {"app": "Queue", "data": f"{queue},t,,,180", "dst": "+12125550140", "context": "from-trunk"}
    kind = rng.choices(("talk", "transfer", "abandoned", "voicemail", "failed"), (80, 3, 10, 6, 1))[0]
    if kind == "abandoned":
        return [_leg(wait=1, talk=wait + rng.randint(5, 120), **call)]
    if kind == "voicemail":
        mailbox = {"app": "VoiceMail", "data": f"{MAILBOX}@parcel,u", "dst": MAILBOX, "context": "voicemail"}
        return [_leg(wait=1, talk=180 + rng.randint(5, 60), **mailbox)]
    if kind == "failed":
        return [_leg(wait=0, talk=0, disposition="FAILED", **call)]
    legs = [_leg(wait=1, talk=wait + _talk(rng, 140), to=_agent(rng), **call)]
    if rng.random() < 0.15:
        legs.insert(0, _leg(wait=1 + wait // 2, talk=0, disposition="NO ANSWER", to=_agent(rng), **call))
    if kind == "transfer":
        other = next((name for name in queues if name != queue), queue)
        after = legs[-1]["wait"] + legs[-1]["talk"]
        legs.append(_leg(wait=0, talk=_talk(rng, 140), to=_agent(rng), after=after, **call | {"data": f"{other},t,,,180"}))
    return legs


def _outbound_call(rng, number, account):
    called = _invented_number(rng, "+44")
    call = {"account": account, "src": number, "dst": called, "context": "from-internal", "from": _agent(rng)}
    dial = {"app": "Dial", "data": f"PJSIP/{called}@trunk,40", "to": "PJSIP/trunk", **call}
    kind = rng.choices(("ANSWERED", "NO ANSWER", "BUSY", "FAILED"), (48, 32, 13, 7))[0]
    wait = 40 if kind == "NO ANSWER" else rng.randint(1, 25)
    return [_leg(wait=wait, talk=_talk(rng, 70) if kind == "ANSWERED" else 0, disposition=kind, **dial)]


OFFICE = (0, 0, 0, 0, 0, 0, 0, 2, 6, 10, 11, 10, 6, 7, 9, 9, 7, 4, 1, 0, 0, 0, 0, 0)
LONG_DAY = (0, 0, 0, 0, 0, 0, 0, 1, 4, 8, 10, 11, 10, 9, 9, 9, 8, 8, 7, 5, 3, 1, 0, 0)
ROUND_THE_CLOCK = (1, 1, 1, 1, 1, 1, 2, 6, 11, 12, 10, 9, 6, 8, 9, 8, 7, 5, 4, 3, 3, 2, 2, 1)
TRAFFIC = (  # share, client's zone, callers' country, hours, weekdays from Monday, maker, its arguments
    (8, "Europe/Berlin", "+49", ROUND_THE_CLOCK, (10, 8, 8, 8, 7, 2, 2), _number_call, (("+49305550110", "+49305550111"),)),
    (60, "America/New_York", "+1", LONG_DAY, (11, 9, 8, 8, 9, 4, 2), _queue_call, (("parcel-support", "parcel-returns"),)),
    (26, "Europe/London", "+44", OFFICE, (8, 9, 9, 9, 7, 0, 0), _outbound_call, ("+442079460120", "NORTHGATE-RENT")),
    (6, "Europe/London", "+44", OFFICE, (9, 8, 8, 8, 8, 1, 0), _number_call, (("+442079460120",),)),
    (0.1, "Europe/Berlin", "+49", OFFICE, (1, 1, 1, 1, 1, 1, 1), _number_call, ((NOBODY,),)),
)


AREA_CODES = (
    201, 202, 203, 205, 206, 207, 208, 210, 212, 213, 214, 215, 216, 217, 218, 219, 225, 228, 229, 234, 239, 240, 248, 251, 253, 254, 256,
    260, 262, 267, 269, 270, 272, 276, 281, 301, 302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321,
    323, 325, 330, 331, 334, 336, 337, 339, 346, 347, 351, 352, 360, 361, 385, 386, 401, 402, 404, 405, 406, 407, 408, 409, 410, 412, 413,
    414, 415, 417, 419, 423, 424, 425, 430, 432, 434, 435, 440, 442, 443, 458, 469, 470, 475, 478, 479, 480, 484, 501, 502, 503, 504, 505,
)  # fmt: skip


def _invented_number(rng, country):
    """Numbers set aside for films and examples, and their like."""
    return {
        "+1": lambda: f"+1{rng.choice(AREA_CODES)}55501{rng.randint(0, 99):02d}",
        "+44": lambda: f"+44{rng.choice(('20794', '16149', '11349'))}60{rng.randint(200, 999)}",
        "+49": lambda: f"+49305550{rng.randint(200, 999)}",
    }[country]()


# --- The file: Asterisk's cdr_csv with all its columns -------------------------------------------------------------


def write_month(path, year, month, seed=1, rows=20_000, until=None):
    """Write a month of calls, each client's own month, in the order of their ends. The same arguments, the same file.

    A few lines are damaged, doubled or of nobody's number.

    :param rows: about how many lines
    :param until: of a month that is not over, the moment of writing, in seconds; nothing is damaged then
    :return: how many lines
    """
    rng = random.Random(f"{seed} {year} {month}")
    calls, planned = [], 0
    while planned < rows:
        _share, zone, country, hours, weekdays, maker, arguments = rng.choices(TRAFFIC, [row[0] for row in TRAFFIC])[0]
        start = _start(rng, year, month, ZoneInfo(zone), hours, weekdays)
        calls.append((start, _invented_number(rng, country), rng.choice(PEOPLE), maker(rng, *arguments)))
        planned += len(calls[-1][-1])
    ended, channels = [], 0
    for start, caller, person, legs in sorted(calls, key=lambda call: call[0]):
        channels += 4
        for leg in legs:
            ended.append(_record(rng, leg, start, caller, person, channels, len(ended)))
    ended.sort(key=lambda record: (record["end"], record["sequence"]))
    lines = [_line(record) for record in ended if until is None or record["end"] <= until]
    if until is None:
        _damage(rng, ended, lines)
    Path(path).write_bytes(b"".join(lines))
    return sum(line.count(b"\n") for line in lines)


def _start(rng, year, month, zone, hours, weekdays):
    days = range(1, monthrange(year, month)[1] + 1)
    day = rng.choices(days, [weekdays[date(year, month, day).weekday()] for day in days])[0]
    hour = rng.choices(range(24), hours)[0]
    clock = datetime(year, month, day, hour, rng.randrange(60), rng.randrange(60), tzinfo=zone)
    return int(clock.replace(fold=rng.randrange(2)).timestamp())


def _record(rng, leg, call_start, caller, person, channels, sequence):
    start = call_start + leg["after"]
    answer = start + leg["wait"] if leg["disposition"] == "ANSWERED" else None
    src, to = leg.get("src", caller), leg.get("to", "")
    own_start = start if leg["channel"] else call_start
    return {
        "account": leg.get("account", ""), "src": src, "dst": leg["dst"], "context": leg["context"],
        "clid": f'"{person}" <{src}>' if person else src,
        "channel": f"{leg.get('from', 'PJSIP/trunk')}-{channels + leg['channel']:08x}",
        "dstchannel": f"{to}-{channels + 2 + rng.randrange(2):08x}" if to else "",
        "app": leg["app"], "data": leg["data"], "start": start, "answer": answer, "end": start + leg["wait"] + leg["talk"],
        "duration": leg["wait"] + leg["talk"], "billsec": leg["talk"] if answer else 0, "disposition": leg["disposition"],
        "flags": leg.get("flags", "DOCUMENTATION"), "uniqueid": f"{own_start}.{channels + leg['channel']}", "userfield": "",
        "peeraccount": "", "linkedid": f"{call_start}.{channels}", "sequence": sequence,
    }  # fmt: skip


def _line(record):
    """Text and dates quoted, quotes doubled; no date is an empty column without quotes, numbers are bare."""
    cells = []
    for name, value in record.items():
        if name in ("start", "answer", "end") and isinstance(value, int):
            value = datetime.fromtimestamp(value, ZoneInfo(SOURCE_ZONE)).strftime("%Y-%m-%d %H:%M:%S")
        if isinstance(value, str):
            value = '"' + value.replace('"', '""') + '"'
        cells.append("" if value is None else str(value))
    return (",".join(cells) + "\n").encode()


def _damage(rng, ended, lines):
    """What real logs hold too: torn lines, impossible values, another encoding, and lines written twice."""
    picks = iter(rng.sample(range(len(lines)), min(18, len(lines))))
    for index, kind in zip(picks, ("torn", "negative", "no date", "end first", "latin-1", "twice") * 3, strict=False):
        record = ended[index]
        changes = {
            "negative": {"duration": -3600},
            "no date": {"start": "0000-31-12 24:00"},
            "end first": {"end": record["start"] - 600},
            "latin-1": {"clid": f'"Jörg Weiß" <{record["src"]}>'},
        }
        lines[index] = _line(record | changes.get(kind, {}))
        if kind == "latin-1":
            lines[index] = lines[index].decode().encode("latin-1")
        elif kind == "torn":  # the disk was full in the middle of a quoted text
            lines[index] = lines[index][: lines[index].rindex(record["disposition"].encode()) + 3] + b"\n"
        elif kind == "twice":
            lines[index] *= 2


# --- The cycle ------------------------------------------------------------------------------------------------------


class _Step:
    """Prints what is done and, at the end, how long it took. What is done stays."""

    def __init__(self, env, title):
        self.env, self.title, self.result = env, title, ""

    def __enter__(self):
        self.began = time.monotonic()
        print(f"  {self.title:<44}", end="", flush=True)
        return self

    def __exit__(self, kind, _error, _traceback):
        if not kind:
            self.env.cr.commit()
        print(f"{time.monotonic() - self.began:7.1f} s  {'failed' if kind else self.result}", flush=True)


@contextmanager
def _web_server(env):
    """Serve this database for a moment: PDFs fetch their styles from Odoo."""
    from odoo.http import root
    from odoo.service.server import ThreadedWSGIServerReloadable

    server = ThreadedWSGIServerReloadable("127.0.0.1", 0, root)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    parameters = env["ir.config_parameter"].sudo()
    before = parameters.get_param("report.url")
    parameters.set_param("report.url", f"http://127.0.0.1:{server.server_port}")
    try:
        yield
    finally:
        parameters.set_param("report.url", before)
        server.shutdown()


def months_before(today, count):
    """Year and month so many months ago."""
    return divmod(today.year * 12 + today.month - 1 - count, 12)[0], (today.month - 1 - count) % 12 + 1


def main(env):
    accountant = env.ref(f"{MODULE}.user_accountant")
    env = env(user=accountant, context={"lang": accountant.lang, "tz": accountant.tz})
    # An hour of the night without a call looks like missing calls where there are so few.
    env.company.sudo().write({"call_gate_gaps": "warn", "call_agent_hour_cost": env.company.call_agent_hour_cost or 22})
    now = datetime.now(ZoneInfo(accountant.tz))
    for ago, rows in ((3, 6_000), (2, 9_000)):
        year, month = months_before(now.date(), ago)
        if not env["call.import"].search_count([("name", "=", _file_name(year, month))], limit=1):
            _import_month(env, year, month, rows=rows)
    call_import = _import_month(env, *months_before(now.date(), 1))
    if now.day > 1:
        _import_month(env, now.year, now.month, until=now.timestamp())
    env["call.count"].sudo()._count_due()
    with _Step(env, "Sales staff and clients agree on the terms") as step:
        step.result = f"{_agree(env(user=env.ref(f'{MODULE}.user_sales')))} documents"
    _set_up_payments(env)
    for ago in (2, 1):
        _bill_past(env, date(*months_before(now.date(), ago), 1))
    with _Step(env, "Accountant bills the periods that are over") as step:
        step.result = _bill(env["call.billing.run"].create({}))
    calls = [("import_id", "=", call_import.id)]
    statements = env["call.statement"].browse(row[0].id for row in env["call.usage.line"]._read_group(calls, ["statement_id"]))
    invoices = statements.invoice_id
    with _Step(env, "Accountant posts the invoices") as step:
        drafts = invoices.filtered(lambda invoice: invoice.state == "draft")
        drafts.action_post()
        step.result = f"{len(drafts)} posted"
    for invoice in invoices.filtered(lambda invoice: invoice.state == "posted" and not invoice.is_move_sent):
        with _Step(env, f"Accountant sends {invoice.name}") as step, _web_server(env):
            queued = invoice.with_context(mail_notify_force_send=False)  # a demo has no mail server
            documents = env["account.move.send"]._generate_and_send_invoices(queued, sending_methods=["email"])
            step.result = ", ".join(sorted(documents.mapped("name")))
    if drafts:
        with _Step(env, "Clients say how the months were") as step:
            step.result = f"{_rate(env)} answers"
        with _Step(env, "Client disputes calls, accountant gives them back") as step:
            step.result = _settle_dispute(env)
    disputable = statements.filtered(lambda each: each._can_be_disputed() and each.charge_amount and not each.dispute_ids)
    if disputable and not statements.dispute_ids:
        with _Step(env, "Client disputes calls of its invoice") as step:
            dispute = _dispute_calls(env, disputable[0])
            step.result = f"{dispute.name}, {dispute.line_count} calls, {dispute.disputed_amount:.2f}"
    if len(drafts) == 3:
        _clients_pay(env, drafts)
    billed = env["call.usage.line"].search_count(
        [*calls, ("status", "=", "billable"), ("statement_id.invoice_id.state", "=", "posted")]
    )
    _print_table(
        ("last month", "read", "accepted", "duplicate", "suspended", "ignored", "billed", "invoices", "total"),
        (
            call_import.source_id.name,
            *(f"{call_import[f'{what}_count']:,}" for what in ("read", "accepted", "duplicate", "suspended", "ignored")),
            f"{billed:,}",
            str(len(invoices)),
            f"{sum(invoices.mapped('amount_total')):,.2f} {call_import.company_id.currency_id.name}",
        ),
    )


def _file_name(year, month):
    return f"Master-{year}-{month:02d}.csv"


def _import_month(env, year, month, **values):
    """The calls of a month, as a file of the phone system.

    :return: the import
    """
    name = _file_name(year, month)
    with tempfile.TemporaryDirectory() as directory, _Step(env, f"Accountant imports {name}") as step:
        path = Path(directory) / name
        lines = write_month(path, year, month, **values)
        size = path.stat().st_size / 1e6
        content = base64.b64encode(path.read_bytes())
        source = env.ref(f"{MODULE}.source_asterisk")
        call_import = env["call.import"].create({"name": name, "source_id": source.id, "file": content})
        call_import.action_import()
        step.result = call_import.message or f"{call_import.accepted_count:,} calls rated of {lines:,} lines, {size:.1f} MB"
    if call_import.state not in ("done", "repeated"):
        raise SystemExit(call_import.message)
    return call_import.same_as_id or call_import


def _bill(run):
    """:return: what became of a billing run, in words"""
    run._list_contracts()
    if not run.line_ids:
        return "nothing is due"
    run.action_run()
    failed = run.line_ids.filtered(lambda line: line.state == "failed")
    return "; ".join([f"{len(run.line_ids - failed)} contracts", *(f"{line.display_name}: {line.message}" for line in failed)])


def _bill_past(env, day):
    """What was due on a day of the past, posted and paid; of the last invoice only half, which is overdue by now."""
    with _Step(env, f"Accountant billed on {day}") as step:
        run = env["call.billing.run"].create({"date": day, "invoice_date": day, "post": True})
        step.result = _bill(run)
        *paid, late = run.line_ids.move_ids.sorted("amount_total")
        for invoice in (*paid, late):
            wizard = env["account.payment.register"].with_context(active_model="account.move", active_ids=invoice.ids)
            amount = invoice.amount_residual / (2 if invoice == late and day.month % 2 == 0 else 1)
            wizard.create({"amount": round(amount, 2), "payment_date": day + timedelta(days=21)})._create_payments()
        env["call.payment.notice"].sudo().search([("state", "!=", "sent")]).unlink()  # clients were told at that time


def _agree(env):
    """Every contract has its agreement; one of them waits for the client's answer, and one is going to change."""
    contracts = env["contract.contract"].search([("has_usage", "=", True)], order="id").filtered(lambda c: not c.agreement_count)
    for contract in contracts:
        agreement = env["call.agreement"].create({"contract_id": contract.id})
        agreement._offer()
        agreement._accept(agreement.document_hash, contract.partner_id.name, without_signature=True)
    for contract in contracts[:1]:
        amendment = env["call.agreement"].create(
            {
                "contract_id": contract.id,
                "kind": "amendment",
                "note": "As every year, our prices follow the consumer price index.",
            }
        )
        env["call.agreement.change"]._load_prices(amendment, percent=2.4)
        amendment._offer()
    return len(contracts) + bool(contracts)


def _dispute_calls(env, statement, **values):
    """The longest calls, of which the client does not believe the duration."""
    domain = [("statement_id", "=", statement.id), ("status", "=", "billable"), ("quantity", ">", 0)]
    longest = env["call.usage.line"].search(domain, order="billed_seconds desc", limit=3)
    return statement.with_context(mail_notify_force_send=False)._raise_dispute(
        [{"usage_id": call.id} for call in longest],
        env.ref(f"{MODULE}.dispute_reason_duration"),
        comment="These calls cannot have been that long. Please check them with the recordings.",
        **values,
    )


def _settle_dispute(env):
    """A dispute of an earlier month, raised some days ago, of which one call is given back."""
    first = date(*months_before(date.today(), 2), 1)
    statement = env["call.statement"].search([("contract_id.code", "=", "CCB-PARCEL"), ("date_start", "=", first)])
    dispute = _dispute_calls(env, statement, override="The client called in time")
    dispute.line_ids.write({"decision": "reject", "note": "The recording is as long as we charged."})
    dispute.line_ids[:1].write({"decision": "accept", "note": "The agent forgot to hang up."})
    env["call.dispute.decide"].browse(dispute.action_decide()["res_id"]).action_decide()
    env.flush_all()
    env.cr.execute("UPDATE call_dispute SET raised_at = raised_at - interval '5 days' WHERE id = %s", [dispute.id])
    dispute.invalidate_recordset()
    return f"{dispute.name}, {dispute.credited_amount:.2f} of {dispute.disputed_amount:.2f} given back"


ANSWERS = (
    (3, "DENTAL", 5, "Friendly and quick, as always."),
    (3, "PARCEL", 3, "Callers waited too long on Monday mornings."),
    (3, "PROPERTY", None, ""),
    (2, "DENTAL", 5, ""),
    (2, "PARCEL", 1, "Two urgent calls were put through an hour late. Please call me."),
    (2, "PROPERTY", 5, "Much better than last month, thank you."),
    (1, "PARCEL", 5, "Better. Only the evenings are still slow."),
    (1, "PROPERTY", None, ""),
)
"""What clients say of their months: how many months ago, whose, 5 good to 1 poor or nothing, and why."""


def _rate(env):
    today, answers = date.today(), 0
    for ago, code, rate, comment in ANSWERS:
        first = date(*months_before(today, ago), 1)
        statement = env["call.statement"].sudo().search([("contract_id.code", "=", f"CCB-{code}"), ("date_start", "=", first)])
        statement = statement.with_context(mail_notify_force_send=False)
        asked = datetime.combine(statement.invoice_id.invoice_date, datetime.min.time()) + timedelta(days=3, hours=8)
        statement.feedback_asked_at = min(asked, datetime.now())
        if rate:
            token = statement._rating_get_access_token()
            statement.rating_apply(rate, token=token, feedback=comment, rating=env["rating.rating"].sudo())
            answers += 1
    return answers


# --- Payment: what people would set up, and what clients and their banks do --------------------------------------------


def _set_up_payments(env):
    """References with check digits, a link to pay in the invoice's QR code, checks, a saved card that its client may have charged."""
    company = env.company.sudo()
    company.write({"link_qr_code": True, "call_offers_collection": True, "call_tz": "Europe/Berlin"})
    company.env["account.journal"].search(
        [("type", "=", "sale"), ("company_id", "=", company.id)]
    ).invoice_reference_model = "euro"
    bank = _bank(env)
    if not bank.bank_acc_number:
        bank.set_bank_account("DE02120300000000202051")
    if "Check" not in bank.inbound_payment_method_line_ids.mapped("name"):
        manual = env.ref("account.account_payment_method_manual_in")
        values = {"name": "Check", "payment_method_id": manual.id, "journal_id": bank.id}
        bank.env["account.payment.method.line"].create(values)
    demo = env.ref("payment.payment_provider_demo").sudo()
    client = env.ref(f"{MODULE}.partner_dental_contact")
    if demo.code == "demo" and not demo.env["payment.token"].search_count([("partner_id", "=", client.id)]):
        card = {"payment_details": "4242", "provider_ref": "demo", "demo_simulated_state": "done"}
        method = env.ref("payment_demo.payment_method_demo")
        demo.env["payment.token"].create(
            {"provider_id": demo.id, "payment_method_id": method.id, "partner_id": client.id, **card}
        )
    env.cr.commit()


def _bank(env):
    return env["account.journal"].sudo().search([("type", "=", "bank"), ("company_id", "=", env.company.id)], limit=1)


def _clients_pay(env, invoices):
    """One transfer with the structured reference, one in part, one check; and money that nobody can place."""
    whole, part, check = invoices.sorted("amount_total")
    with _Step(env, "Accountant registers a check") as step:
        wizard = env["account.payment.register"].with_context(active_model="account.move", active_ids=check.ids)
        method = _bank(env).inbound_payment_method_line_ids.filtered(lambda line: line.name == "Check")
        payment = wizard.create({"payment_method_line_id": method.id, "communication": "Check 100482"})._create_payments()
        step.result = f"{payment.memo} for {check.name}"
    payments = (
        (whole.amount_total, f"<Strd><CdtrRefInf><Ref>{whole.payment_reference.replace(' ', '')}</Ref></CdtrRefInf></Strd>"),
        (round(part.amount_total / 2, 2), f"<Ustrd>First half of {part.name}, the rest follows</Ustrd>"),
        (check.amount_total, "<Ustrd>Deposit of Check 100482</Ustrd>"),
        (10, "<Ustrd>Thank you 010</Ustrd>"),
    )
    with _Step(env, "Accountant imports the bank's statement (CAMT)") as step:
        file = base64.b64encode(_camt(_bank(env), payments).encode())
        wizard = env["account.statement.import"].sudo().with_context(journal_id=_bank(env).id)
        wizard.create({"statement_file": file, "statement_filename": "camt053.xml"}).import_file_button()
        lines = env["account.bank.statement.line"].sudo().search([("call_match", "=", "waiting")])
        step.result = f"{len(lines)} lines"
    with _Step(env, "Bank lines are matched with invoices") as step:
        lines._match_payments()
        step.result = f"{len(lines.filtered('is_reconciled'))} matched"
    with _Step(env, "Clients are told of their payments") as step, _web_server(env):
        env["call.payment.notice"].sudo()._cron_send()
        told = env["call.payment.notice"].sudo().search([("state", "=", "sent")])
        step.result = ", ".join(f"{notice.invoice_id.name}: {notice.left:,.2f} left" for notice in told)


def _camt(journal, payments):
    """A bank statement as banks send it: camt.053, as short as its reader takes it.

    :param payments: amount and what the client wrote, as XML, of each
    """
    today, currency = date.today(), (journal.currency_id or journal.company_id.currency_id).name
    entries = "".join(
        f"""<Ntry><Amt Ccy="{currency}">{amount:.2f}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
        <BookgDt><Dt>{today}</Dt></BookgDt><ValDt><Dt>{today}</Dt></ValDt><AcctSvcrRef>{today:%Y%m%d}-{number}</AcctSvcrRef>
        <NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><RmtInf>{text}</RmtInf></TxDtls></NtryDtls></Ntry>"""
        for number, (amount, text) in enumerate(payments)
    )
    balances = "".join(
        f"""<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{amount:.2f}</Amt>
        <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{today}</Dt></Dt></Bal>"""
        for code, amount in (("OPBD", 0), ("CLBD", sum(amount for amount, _text in payments)))
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
        <Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>
        <GrpHdr><MsgId>{today}</MsgId><CreDtTm>{today}T06:00:00</CreDtTm></GrpHdr>
        <Stmt><Id>{today}</Id><CreDtTm>{today}T06:00:00</CreDtTm>
        <Acct><Id><IBAN>{journal.bank_acc_number}</IBAN></Id><Ccy>{currency}</Ccy></Acct>{balances}{entries}</Stmt>
        </BkToCstmrStmt></Document>"""


def _print_table(titles, *rows):
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    print()
    for row in (titles, ["-" * width for width in widths], *rows):
        others = (each.rjust(width) for each, width in zip(row[1:], widths[1:], strict=True))
        print("  ", row[0].ljust(widths[0]), *others, sep="  ")


if __name__ == "__main__":
    if "env" in globals():
        main(globals()["env"])
    elif len(sys.argv) == 2:
        print(write_month(sys.argv[1], *months_before(date.today(), 1)), "lines")
    else:
        sys.exit(__doc__)
