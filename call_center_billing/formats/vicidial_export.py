"""VICIdial's call export (``call_report_export.php``): text with tabs, a header and CRLF, standard or extended fields.

What the product writes, and what we make of it:

* Outbound and inbound calls are in one file. In an inbound call's row the column ``alt_dial`` holds the seconds that
  it waited in the queue, as a number; in an outbound one's a word (``MAIN``, ``NONE``...). That tells them apart.
  ``campaign_id`` is the queue (inbound group) of the first, the campaign of the second; ``phone_number_dialed`` is the
  caller of the first, the called number of the second. Extended fields give the called number, ``did_pattern``.
* An inbound call's length includes the queue: talk is the length without it. ``wrapup_time``, in extended fields, comes
  after the call.
* ``VDAD`` and ``VDCL`` stand for no agent. Statuses are made by people; of those the product comes with, some say that
  nobody was reached, whoever set them. Such a call has no talk: its time is waiting, and ringing if it is outbound.
* No key of the call is exported, and rows repeat what the lead is now, so that a later export of the same call differs.
  Its identity is time, lead, campaign, number and agent; ``uniqueid``, in extended fields, is shared by transfers.
* The length is empty or negative while a call is open: refused. It comes with a later export.
* Times are local to the server; ``gmt_offset_now`` is the lead's. Custom fields may be any number of columns without titles.
* The report ends after 100000 rows without a word, and leaves out calls of deleted users: nothing in the file shows it.
"""

from . import sql
from .declare import declared, seconds, text, timestamp
from .registry import Dialect, register

NO_AGENT = ("", "VDAD", "VDCL")
STATUSES = {
    "no_answer": ("NA", "N", "NANQUE", "AFTHRS", "TIMEOT", "MAXCAL"),
    "busy": ("B", "AB"),
    "failed": ("ADC", "ADCT", "DC", "ADCCAR", "ADAIR", "AFAX", "ERI", "LRERR", "DNCC"),
    "voicemail": ("A", "AA", "AM", "AL", "QVMAIL"),
    "abandoned": ("DROP", "PDROP", "XDROP", "HXFER"),
}
"""Statuses of calls that reached no person. ``AFTHRS``, ``NANQUE``, ``TIMEOT`` and ``MAXCAL`` ended an inbound queue."""

COLUMNS = 128  # at most, with custom fields

_reached = f"upper(trim(coalesce(agent_user, ''))) NOT IN ({sql.literals(NO_AGENT)})"
_status = " ".join(
    f"WHEN upper(trim(status)) IN ({sql.literals(statuses)}) THEN {sql.literal(word)}" for word, statuses in STATUSES.items()
)
_nobody = f"CASE {_status} WHEN is_inbound THEN 'abandoned' ELSE 'no_answer' END"

register(
    declared(
        code="vicidial_export",
        label="VICIdial call export",
        dialect=Dialect(delimiter="\t", header=1, quote=False),
        columns=lambda options: COLUMNS,
        names={
            "call_date": "call_date",
            "phone": "phone_number_dialed",
            "status": "status",
            "agent_user": "user",
            "campaign": "campaign_id",
            "length": "length_in_sec",
            "alt_dial": "alt_dial",
            "lead": "lead_id",
            "recording": ("recording_filename", "recording_location", "recording_id"),
            "uniqueid": "uniqueid",
            "did": "did_pattern",
            "wrapup": "wrapup_time",
        },
        required=("call_date", "phone", "status", "agent_user", "campaign", "length", "alt_dial", "lead"),
        derived={
            "is_inbound": "coalesce(regexp_full_match(trim(alt_dial), '[0-9]+([.][0-9]+)?'), false)",
            "total": f"CASE WHEN {text('length')} IS NOT NULL THEN {seconds('length')} END",
            "queued": f"CASE WHEN is_inbound THEN {seconds('alt_dial')} ELSE 0 END",
            "word": f"CASE WHEN {_reached} AND upper(trim(status)) NOT IN ("
            + sql.literals(each for statuses in STATUSES.values() for each in statuses)
            + f") THEN 'answered' ELSE {_nobody} END",
            "waited": "least(queued, total)",  # one is rounded, the other cut
        },
        fields={
            "record_ref": "concat_ws('/', call_date, lead, campaign, phone, agent_user)",
            "group_ref": text("uniqueid"),
            "direction": "CASE WHEN is_inbound THEN 'inbound' ELSE 'outbound' END",
            "caller": f"CASE WHEN is_inbound THEN {text('phone')} END",
            "called": f"CASE WHEN is_inbound THEN {text('did')} ELSE {text('phone')} END",
            "queue": f"CASE WHEN is_inbound THEN {text('campaign')} END",
            "campaign": f"CASE WHEN NOT is_inbound THEN {text('campaign')} END",
            "agent": f"CASE WHEN {_reached} THEN {text('agent_user')} END",
            "recording_ref": text("recording"),
            "disposition": "word",
            "local_start": timestamp("call_date"),
            "epoch_hint": "try_cast(regexp_extract(uniqueid, '([0-9]{9,10})\\.[0-9]+$', 1) AS BIGINT)",
            "ring_seconds": "CASE WHEN NOT is_inbound AND word <> 'answered' THEN total ELSE 0 END",
            "queue_seconds": "CASE WHEN NOT is_inbound THEN 0 WHEN word = 'answered' THEN waited ELSE total END",
            "talk_seconds": "CASE WHEN word = 'answered' THEN total - waited ELSE 0 END",
            "wrap_seconds": seconds("wrapup"),
            "total_seconds": "total",
        },
        problems=(
            ("total < 0", "negative_duration"),
            ("queued > total + 1", "talk_longer_than_call"),
            (f"{text('lead')} IS NULL OR {text('campaign')} IS NULL OR {text('call_date')} IS NULL", "columns"),
        ),
    )
)
