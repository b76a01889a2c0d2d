"""What the titles of columns, and the words in them, usually mean: for guesses that people look at."""

import re

from .registry import plain_title

GUESSES = {  # field -> titles of phone systems, the likeliest first
    "start": "start start_time starttime start_date start_datetime started started_at call_start call_start_time calldate "
    "call_date call_datetime begin begin_time began datetime date_time timestamp date call_time time",
    "record_ref": "record_id uniqueid unique_id cdrid cdr_id call_id callid uuid id",
    "group_ref": "linkedid linked_id call_id callid conversation conversation_id group group_id session_id",
    "kind": "kind record_type",
    "direction": "direction call_direction type call_type",
    "caller": "caller caller_number callerid caller_id src source ani from callfrom call_from calling calling_number",
    "called": "called called_number dialled dialed dst destination dnis did to callto call_to",
    "queue": "queue queuename queue_name skill",
    "campaign": "campaign campaign_id campaign_name",
    "skill": "skill language call_language requested_skill requested_language",
    "account_code": "accountcode account_code account",
    "trunk": "trunk trunk_name gateway carrier",
    "agent": "agent agent_name user user_name operator",
    "recording_ref": "recording recording_id recording_url recordingfile recording_file",
    "quality": "quality mos",
    "disposition": "disposition status result outcome call_status",
    "total_seconds": "duration total total_time call_duration length length_in_sec hours minutes seconds",
    "talk_seconds": "talk talk_time talktime talkduration talk_duration billsec",
    "ring_seconds": "ring ringing ring_time ring_duration",
    "queue_seconds": "wait wait_time waiting_time queue_time queue_wait queue_seconds",
    "ivr_seconds": "ivr ivr_time menu_time",
    "hold_seconds": "hold hold_time",
    "wrap_seconds": "wrap wrapup wrap_time wrap_up wrap_up_time acw after_call_work",
    "transfer_seconds": "transfer_time consult_time",
    "quantity": "quantity qty amount_of_messages messages units",
    "provider_cost": "cost price provider_cost charge",
    "version_at": "updated updated_at last_update last_change modified modified_at",
    "sequence": "sequence seq sequence_number",
}
MEANINGS = {  # field -> its word -> texts of phone systems that mean nothing else
    "disposition": {
        "answered": "answered answer completed connected",
        "abandoned": "abandoned abandon caller_abandoned",
        "no_answer": "no_answer noanswer unanswered not_answered missed",
        "busy": "busy",
        "failed": "failed fail failure congestion error",
        "voicemail": "voicemail voice_mail",
    },
    "direction": {
        "inbound": "inbound incoming in",
        "outbound": "outbound outgoing out outbound_api outbound_dial",
        "internal": "internal local extension",
    },
    "kind": {
        "call": "call calls voice",
        "agent_time": "agent_time",
        "message": "message sms",
        "outcome": "outcome",
    },
}
UNIT_WORDS = {
    "s": "seconds", "sec": "seconds", "secs": "seconds", "second": "seconds", "seconds": "seconds",
    "ms": "milliseconds", "msec": "milliseconds", "millis": "milliseconds", "milliseconds": "milliseconds",
    "min": "minutes", "mins": "minutes", "minutes": "minutes",
    "h": "hours", "hrs": "hours", "hours": "hours",
}  # fmt: skip
TIME_TITLES = ("time", "start_time", "call_time", "time_of_day")
ZONE_WORDS = ("utc", "gmt", "local")


def plain_name(title: str, without=()) -> str:
    """The words of a title, in small letters, without certain words at its end.

    >>> plain_name("talkTime (sec)", UNIT_WORDS), plain_name("Start Time UTC", ZONE_WORDS), plain_name("min", UNIT_WORDS)
    ('talk_time', 'start_time', 'min')
    """
    words = _all_words(title)
    while len(words) > 1 and words[-1] in without:
        words.pop()
    return "_".join(words)


def matches(title: str, name: str) -> bool:
    """Whether a title, or the end of a path, is among the guesses for a field."""
    return rank(title, name) is not None


def rank(title: str, name: str) -> int | None:
    """How early a title stands among the guesses for a field, None where it does not."""
    guesses = GUESSES[name].split()
    last = re.split(r"[.\]]", title)[-1]
    tails = UNIT_WORDS if name.endswith("_seconds") else ZONE_WORDS if name in ("start", "version_at") else ()
    names = [plain_name(each, without) for each in (title, last) for without in ((), tails)]
    return next((guesses.index(each) for each in names if each in guesses), None)


def unit_of(title: str) -> str | None:
    """The unit that a title of durations names.

    >>> unit_of("duration_ms"), unit_of("Talk (min)"), unit_of("hours"), unit_of("Min"), unit_of("Talk time")
    ('milliseconds', 'minutes', 'hours', None, None)
    """
    words = _all_words(title)
    return next((UNIT_WORDS[word] for word in reversed(words) if word in UNIT_WORDS and (len(words) > 1 or len(word) > 4)), None)


def meanings_of(name: str, texts) -> dict:
    """Those texts of a column of kinds, directions or outcomes that can mean one thing only, with that."""
    known = {text: word for word, usual in MEANINGS[name].items() for text in usual.split()}
    plain = {text: known.get(plain_title(text).replace(" ", "_")) for text in texts}
    return {text: word for text, word in plain.items() if word and text.lower() != word}


def _all_words(title):
    return plain_title(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title)).split()
