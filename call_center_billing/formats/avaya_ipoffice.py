"""Avaya IP Office SMDR: delimited rows pushed over TCP, no header.

1 Call Start, 2 Connected Time, 3 Ring Time, 4 Caller, 5 Direction, 6 Called Number, 7 Dialled Number, 8 Account,
9 Is Internal, 10 Call ID, 11 Continuation, 12 Party1Device, 13 Party1Name, 14 Party2Device, 15 Party2Name, 16 Hold Time,
17 Park Time; mostly followed by 18 AuthValid, 19 AuthCode, 20 User Charged, 21 Call Charge, 22 Currency and more, 30 or
31 cells in the manual's examples, a few more in newer releases.

What the product makes of it, and what we make of that:

* A call that is transferred is written in segments: all but the last have Continuation 1, all repeat the Call ID and
  the start of the call. Each segment's times are its own, so together they are the call; Call IDs begin anew when the
  system restarts, so the start is part of what the segments share. No row has an id: the whole row is its identity.
* Connected Time is talk: it does not hold ringing, hold or park. Park counts as hold. The record lasts as long as all
  of them together, each rounded up to a second.
* Ring Time of an inbound call holds queueing too, the system does not tell them apart.
* Times are local without a zone, in the order of the option ``date_order`` (year first unless told).
* Is Internal settles the direction, as internal calls are written as ``O``. Dialled Number is what an outside caller
  dialled; Called Number is where that went.
* Devices: ``E`` and number is an extension, ``V`` a mailbox (a voicemail where it was connected), ``T`` a trunk, whose
  line is in its name. The caller of a SIP trunk may be ``number@address``.
* Receivers of the stream may write a line of titles, which is ignored.
"""

from . import sql
from .declare import clock, decimal, declared, seconds, text, timestamp
from .registry import register

NAMES = {
    "began": 1, "connected": 2, "rang": 3, "calling": 4, "way": 5, "called_no": 6, "dialled_no": 7, "account": 8, "inside": 9,
    "call_id": 10, "goes_on": 11, "device1": 12, "name1": 13, "device2": 14, "name2": 15, "held": 16, "parked": 17,
    "auth_code": 19, "charge": 21,
}  # fmt: skip
MOST = 48
FEWEST = "parked"  # the last column that every release writes


def _fields(options):
    return {
        "group_ref": f"concat_ws('/', trim(began), {text('call_id')})",
        "local_start": timestamp("began", options.get("date_order") or "iso"),
        "direction": "towards",
        "caller": "nullif(trim(split_part(calling, '@', 1)), '')",
        "called": f"""CASE towards WHEN 'inbound' THEN coalesce({text("dialled_no")}, {text("called_no")})
            ELSE coalesce({text("called_no")}, {text("dialled_no")}) END""",
        "account_code": f"coalesce({text('account')}, {text('auth_code')})",
        "trunk": f"""CASE WHEN device1 LIKE 'T%' THEN coalesce({text("name1")}, {text("device1")})
            WHEN device2 LIKE 'T%' THEN coalesce({text("name2")}, {text("device2")}) END""",
        "agent": "CASE WHEN outcome = 'answered' THEN CASE towards WHEN 'internal' THEN coalesce(extension2, extension1)"
        " ELSE coalesce(extension1, extension2) END END",
        "disposition": "outcome",
        "ring_seconds": seconds("rang"),
        "talk_seconds": "talked",
        "hold_seconds": f"{seconds('held')} + {seconds('parked')}",
        "provider_cost": f"nullif(abs({decimal('charge')}), 0)",
        "ignored": "lower(trim(began)) = 'call start'",
    }


def _extension(device):
    return f"nullif(regexp_extract({device}, '^E([0-9]+)$', 1), '')"


register(
    declared(
        code="avaya_ipoffice",
        label="Avaya IP Office (SMDR)",
        columns=lambda options: MOST,
        asks=("date_order",),
        legs="call",
        names=NAMES,
        derived={
            "towards": """CASE WHEN trim(inside) IN ('1', 'I') THEN 'internal' WHEN trim(inside) <> '0' THEN NULL
                WHEN upper(trim(way)) = 'I' THEN 'inbound' WHEN upper(trim(way)) = 'O' THEN 'outbound' END""",
            "talked": clock("connected"),
            "extension1": _extension("device1"),
            "extension2": _extension("device2"),
            "outcome": """CASE WHEN talked = 0 THEN 'no_answer'
                WHEN regexp_full_match(device1, 'V[0-9]+') OR regexp_full_match(device2, 'V[0-9]+') THEN 'voicemail'
                ELSE 'answered' END""",
        },
        fields=_fields,
        problems=(
            (f"{FEWEST} IS NULL OR {text('call_id')} IS NULL OR trim(goes_on) NOT IN ('0', '1')", "columns"),
            (f"{text('connected')} IS NULL OR {text('rang')} IS NULL", "bad_duration"),
            (f"{sql.seconds('held')} < 0 OR {sql.seconds('parked')} < 0", "negative_duration"),
        ),
    )
)
