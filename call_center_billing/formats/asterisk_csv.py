"""Asterisk ``cdr_csv`` (Master.csv): quoted, no header, 16 to 21 columns by three settings.

1 accountcode, 2 src, 3 dst, 4 dcontext, 5 clid, 6 channel, 7 dstchannel, 8 lastapp, 9 lastdata, 10 start,
11 answer, 12 end, 13 duration, 14 billsec, 15 disposition, 16 amaflags; then uniqueid (``loguniqueid``),
userfield (``loguserfield``), and peeraccount, linkedid, sequence together (``newcdrcolumns``). With one of
the first two only, a file does not tell which it is: options ``column17`` is ``uniqueid``, ``userfield`` or
``guess`` (by the shape of a uniqueid).

What the product makes of it, and what we make of that:

* ``billsec`` runs from the channel's answer. In a row of ``Queue`` without a destination channel nobody was
  reached: the caller waited, which is queue time, and the call was abandoned. The same time in a row of an
  announcement or menu is IVR time, in ``VoiceMail`` a voicemail. Else an answered row's ``billsec`` is talk.
  A row that is not answered has no talk, whatever its ``billsec`` says: that was waiting.
* A row's identity is linkedid, uniqueid and sequence; where the sequence is not written, several legs share
  one uniqueid and only the whole row identifies it.
* Rows flagged ``OMIT`` are ignored, as Asterisk's flag means.

Options: ``column17``; ``outbound_contexts`` and ``internal_contexts``, lists of dialplan contexts; any other
context is inbound.
"""

from . import sql
from .declare import by_context
from .registry import Format, register

UNIQUE_ID = r"(\S+-)?[0-9]{9,10}\.[0-9]+"
DISPOSITIONS = {
    "ANSWERED": "answered",
    "NO ANSWER": "no_answer",
    "BUSY": "busy",
    "FAILED": "failed",
    "CONGESTION": "failed",
    "CANCEL": "no_answer",
}
ANNOUNCEMENTS = ("BackGround", "Background", "Playback", "Read", "WaitExten", "IVR", "Congestion", "Busy")


def _count(last=22, first=16):
    cases = " ".join(f"WHEN c{i} IS NOT NULL THEN {i}" for i in range(last, first - 1, -1))
    return f"CASE {cases} ELSE 0 END"


def _unique_id(column17):
    """The uniqueid column, by number of columns."""
    seventeenth = {
        "uniqueid": "c17",
        "userfield": "NULL",
        "guess": f"CASE WHEN regexp_full_match(c17, '{UNIQUE_ID}') THEN c17 END",
    }[column17]
    return f"CASE columns WHEN 17 THEN {seventeenth} WHEN 20 THEN {seventeenth} WHEN 18 THEN c17 WHEN 21 THEN c17 END"


def _without_call_suffix(channel):
    """``PJSIP/anna-0000002a;1`` is channel 2a of ``PJSIP/anna``. Only the end of each text is matched, which is fast."""
    return (
        f"CASE WHEN regexp_full_match(right({channel}, 9), '-[0-9a-f]{{8}}') THEN left({channel}, -9)"
        f" WHEN regexp_full_match(right({channel}, 11), '-[0-9a-f]{{8}};[12]') THEN left({channel}, -11) ELSE {channel} END"
    )


def select(options):
    return judged(
        options,
        f"""
        SELECT *, c1 AS account, c2 AS caller_number, c3 AS called_number, c4 AS context, c6 AS calling_channel, c7 AS called_channel, c8 AS app,
               c9 AS app_data, c10 AS start_text, c11 AS answer_text, c12 AS end_text, c16 AS flag, CAST(NULL AS VARCHAR) AS recording,
               {_unique_id(options.get("column17") or "guess")} AS unique_id,
               CASE columns WHEN 19 THEN c18 WHEN 20 THEN c19 WHEN 21 THEN c20 END AS linked_id,
               CASE columns WHEN 19 THEN c19 WHEN 20 THEN c20 WHEN 21 THEN c21 END AS sequence,
               {sql.seconds("c13")} AS duration, {sql.seconds("c14")} AS billsec,
               {sql.timestamp("c10")} AS started, {sql.timestamp("c11")} AS answered, {sql.timestamp("c12")} AS ended,
               {outcome("c15", DISPOSITIONS)} AS outcome
          FROM (SELECT *, {_count()} AS columns FROM raw)
        """,
        omitted=("OMIT",),
        problem="columns NOT BETWEEN 16 AND 21",
    )


def outcome(column, dispositions):
    """The word for an Asterisk disposition, NULL for any other text."""
    cases = " ".join(f"WHEN {sql.literal(text)} THEN {sql.literal(word)}" for text, word in dispositions.items())
    return f"CASE upper(trim({column})) {cases} END"


def judged(options, rows, omitted, problem="false"):
    """What Asterisk's CDRs mean, wherever they are written.

    :param rows: SELECT that names the columns of CDRs as :func:`select` does
    :param omitted: texts of the flag that leaves a row out of billing
    :param problem: SQL condition under which a row has not the columns it should have
    """
    # Who calls out is at the calling end, where the called end is the trunk.
    agent_channel = f"CASE WHEN {by_context('context', options)} = 'outbound' THEN calling_channel ELSE called_channel END"
    return f"""
        WITH judged AS (
            SELECT *, CASE
                WHEN outcome = 'answered' AND trim(app) = 'VoiceMail' THEN 'voicemail'
                WHEN outcome = 'answered' AND nobody AND trim(app) = 'Queue' THEN 'abandoned'
                WHEN outcome = 'answered' AND nobody AND trim(app) IN ({sql.literals(ANNOUNCEMENTS)}) THEN 'abandoned'
                ELSE outcome END AS disposition
              FROM (SELECT *, coalesce(trim(called_channel), '') = '' AS nobody FROM ({rows}))
        )
        SELECT line_number, content,
               CASE WHEN {sql.text("sequence")} IS NOT NULL AND coalesce({sql.text("linked_id")}, {sql.text("unique_id")}) IS NOT NULL
                    THEN concat_ws('/', linked_id, coalesce(unique_id, ''), sequence) END AS record_ref,
               coalesce({sql.text("linked_id")}, {sql.text("unique_id")}) AS group_ref,
               {by_context("context", options)} AS direction,
               {sql.text("caller_number")} AS caller, {sql.text("called_number")} AS called,
               CASE WHEN trim(app) = 'Queue' THEN {sql.text("split_part(app_data, ',', 1)")} END AS queue,
               CAST(NULL AS VARCHAR) AS campaign, CAST(NULL AS VARCHAR) AS skill,
               {sql.text("account")} AS account_code, 'call' AS kind, CAST(NULL AS VARCHAR) AS trunk,
               {sql.text("recording")} AS recording_ref, CAST(NULL AS VARCHAR) AS quality,
               CASE WHEN disposition = 'answered' THEN {sql.text(_without_call_suffix(f"({agent_channel})"))} END AS agent,
               disposition, started AS local_start, CAST(NULL AS TIMESTAMP) AS utc_start,
               try_cast(regexp_extract(unique_id, '([0-9]{{9,10}})\\.[0-9]+$', 1) AS BIGINT) AS epoch_hint,
               greatest(duration - billsec, 0) AS ring_seconds,
               CASE WHEN disposition NOT IN ('answered', 'voicemail') AND trim(app) NOT IN ({sql.literals(ANNOUNCEMENTS)})
                    THEN billsec ELSE 0 END AS queue_seconds,
               CASE WHEN disposition <> 'answered' AND trim(app) IN ({sql.literals(ANNOUNCEMENTS)})
                    THEN billsec ELSE 0 END AS ivr_seconds,
               CASE WHEN disposition IN ('answered', 'voicemail') THEN billsec ELSE 0 END AS talk_seconds,
               0 AS hold_seconds, 0 AS wrap_seconds, 0 AS transfer_seconds, duration AS total_seconds,
               1 AS quantity, CAST(NULL AS DECIMAL(18, 6)) AS provider_cost, CAST(NULL AS TIMESTAMP) AS version_at,
               try_cast(sequence AS BIGINT) AS sequence,
               upper(trim(flag)) IN ({sql.literals(omitted)}) AS ignored,
               CASE WHEN {problem} THEN 'columns'
                    WHEN started IS NULL OR {sql.unreadable("answer_text", "answered")} OR {sql.unreadable("end_text", "ended")}
                    THEN 'bad_time'
                    WHEN duration IS NULL OR billsec IS NULL THEN 'bad_duration'
                    WHEN duration < 0 OR billsec < 0 THEN 'negative_duration'
                    WHEN ended < started OR ended < answered THEN 'end_before_start'
                    WHEN billsec > duration THEN 'talk_longer_than_call'
                    WHEN outcome IS NULL THEN 'bad_disposition' END AS problem
          FROM judged
    """


register(
    Format(
        code="asterisk_csv",
        label="Asterisk CSV (cdr_csv, Master.csv)",
        columns=lambda options: 22,  # one more than there can be: such a row is not one of ours
        select=select,
        legs="call",
        asks=("contexts", "column17"),
    )
)
