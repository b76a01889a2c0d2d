"""Asterisk's CDR table as CSV with a header: SQL pulls of ``cdr_pgsql``, ``cdr_adaptive_odbc`` or MySQL, and exports
of FreePBX and phpMyAdmin.

Columns are found by name, so any order and any others are fine. What the tables make of a CDR, and what we make of
that, beside what :mod:`.asterisk_csv` says of CDRs:

* ``calldate`` is the start. The usual MySQL table has no answer and end column: ring time is ``duration - billsec``
  there. Both are optional here, and only checked.
* Disposition and flag may be integers (0 and 1 not answered, 2 failed, 4 busy, 8 answered, 16 congestion; flag 1 is
  ``OMIT``); durations in character columns are texts such as ``65.402``, rounded to whole seconds.
* FreePBX adds ``did``, the number that was called from outside; it is the called number where it is filled, since
  ``dst`` is then the extension or queue that the dialplan chose. ``cnum`` is the caller where ``src`` is empty.
* Its screen export writes the caller id as ``"Anna" <100>`` without doubling the quotes. Such a row cannot be told
  apart from a broken one and is refused; rows whose caller has no name can be read.
* A bare comma in ``lastdata`` moves the columns behind it: a flag that is none gives such a row away.
* A dump may write D/M/Y or M/D/Y, and nothing in it says which. The epoch in the uniqueid does: that order is taken
  in which both agree within two days. Without such an id the row is refused.
* Two backends that write to one table double its rows: equal rows are one record.

Options: ``outbound_contexts`` and ``internal_contexts``, lists of dialplan contexts; any other is inbound.
"""

from . import sql
from .asterisk_csv import DISPOSITIONS, judged, outcome
from .registry import Dialect, Format, register

NUMBERED = {
    "0": "no_answer",
    "1": "no_answer",
    "2": "failed",
    "4": "busy",
    "8": "answered",
    "16": "failed",
}
FLAGS = ("OMIT", "BILLING", "DOCUMENTATION", "DEFAULT", "0", "1", "2", "3")
NAMES = {
    "account": "accountcode",
    "src": "src",
    "cnum": "cnum",
    "dst": "dst",
    "did": "did",
    "dcontext": "dcontext",
    "channel": "channel",
    "dstchannel": "dstchannel",
    "lastapp": "lastapp",
    "lastdata": "lastdata",
    "start_text": ("calldate", "start"),
    "answer_text": ("answer", "answerdate"),
    "end_text": ("end", "hangupdate"),
    "duration_text": "duration",
    "billsec_text": "billsec",
    "disposition_text": "disposition",
    "flag": "amaflags",
    "unique_text": "uniqueid",
    "linked_text": "linkedid",
    "sequence_text": "sequence",
    "recordingfile": ("recordingfile", "recording"),
}
NEAR = 2 * 24 * 3600  # seconds between a start and the epoch of its id that still tell day from month


def _time(column):
    """A time in the ISO order, or in the order that the epoch in the uniqueid confirms."""
    other = " ".join(
        f"WHEN abs(epoch({value}) - epoch_of_id) < {NEAR} THEN {value}"
        for value in (sql.timestamp(column, "dmy"), sql.timestamp(column, "mdy"))
    )
    return f"coalesce({sql.timestamp(column)}, CASE {other} END)"


def select(options):
    told = ", ".join(
        f"{sql.filled(column)} AS {name}"
        for column, name in (
            ("account", "account"),
            (f"coalesce({sql.filled('src')}, cnum)", "caller_number"),
            (f"coalesce({sql.filled('did')}, dst)", "called_number"),
            ("dcontext", "context"),
            ("channel", "calling_channel"),
            ("dstchannel", "called_channel"),
            ("lastapp", "app"),
            ("lastdata", "app_data"),
            ("unique_text", "unique_id"),
            ("linked_text", "linked_id"),
            ("sequence_text", "sequence"),
            ("recordingfile", "recording"),
        )
    )
    identified = f"""
        SELECT line_number, content, {told}, start_text, answer_text, end_text, flag, duration_text, billsec_text, disposition_text,
               try_cast(regexp_extract(unique_text, '([0-9]{{9,10}})\\.[0-9]+$', 1) AS BIGINT) AS epoch_of_id
          FROM raw
    """
    return judged(
        options,
        f"""
        SELECT *, {sql.seconds("duration_text")} AS duration, {sql.seconds("billsec_text")} AS billsec,
               {_time("start_text")} AS started, {_time("answer_text")} AS answered, {_time("end_text")} AS ended,
               {outcome("disposition_text", DISPOSITIONS | NUMBERED)} AS outcome
          FROM ({identified})
        """,
        omitted=("OMIT", "1"),
        problem=f"upper({sql.filled('flag')}) NOT IN ({sql.literals(FLAGS)})",  # a comma too many moved the columns
    )


register(
    Format(
        code="asterisk_table",
        label="Asterisk CDR table or FreePBX export (CSV with header)",
        names=NAMES,
        required=(
            "src",
            "dst",
            "dstchannel",  # without it and the application, time in a queue or menu could not be told from talk
            "lastapp",
            "start_text",
            "duration_text",
            "billsec_text",
            "disposition_text",
        ),
        dialect=lambda options: Dialect(header=1),
        select=select,
        legs="call",
        asks=("contexts",),
    )
)
