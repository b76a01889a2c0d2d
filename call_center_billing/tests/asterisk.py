"""Asterisk rows for tests, written as ``cdr_csv`` writes them."""

from datetime import datetime, timedelta

PHONE = "4930555"


def row(
    start="2026-10-05 10:00:00",
    talk=60,
    ring=5,
    called=PHONE + "0100",
    caller="+491705550111",
    account="",
    context="from-trunk",
    app="Dial",
    data="",
    agent="PJSIP/201-0000a1b2",
    disposition="ANSWERED",
    flag="DOCUMENTATION",
    uniqueid=None,
    extra="",
):
    """One line of 17 columns, or more with ``extra``. Durations in seconds."""
    begin = datetime.fromisoformat(start)
    answer = begin + timedelta(seconds=ring)
    end = answer + timedelta(seconds=talk)
    answered = f'"{answer}"' if disposition == "ANSWERED" else ""
    if uniqueid is None:
        row.count += 1
        uniqueid = f"pbx-{1790000000 + row.count}.{row.count}"
    return (
        f'"{account}","{caller}","{called}","{context}","""Client"" <{caller}>","PJSIP/trunk-00000001","{agent}","{app}","{data}",'
        f'"{begin}",{answered},"{end}",{ring + talk},{talk},"{disposition}","{flag}","{uniqueid}"{extra}\n'
    )


row.count = 0
