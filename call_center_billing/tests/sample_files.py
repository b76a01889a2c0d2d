"""The files of invented calls in ``static/samples``, made of what the tests of the formats write. After a change run ``write()``."""

from datetime import datetime, timedelta
from pathlib import Path

from .asterisk import row
from .test_format_freeswitch_csv import line as freeswitch_line
from .test_format_threecx import line as threecx_line
from .test_format_vicidial_export import INBOUND, export

FOLDER = Path(__file__).parent.parent / "static" / "samples"
CALLED = "49305550100"
SECONDS = (95, 240, 33, 0, 610, 128, 61, 185, 0, 47, 330, 72)
"""How long the calls of a day are talked; 0: nobody answered."""


def calls():
    """(number, start, caller, seconds of talk) of two days of calls, at any time of the day"""
    for number, talk in enumerate(SECONDS * 2):
        start = datetime(2026, 10, 6 + number // len(SECONDS) * 7, 8, 12) + timedelta(minutes=47 * (number % len(SECONDS)))
        yield number + 1, start, f"+4930555{4100 + number}", talk


def asterisk():
    for number, start, caller, talk in calls():
        answer = "ANSWERED" if talk else "NO ANSWER"
        yield row(str(start), talk, called=CALLED, caller=caller, disposition=answer, uniqueid=f"sample-{start:%Y-%m}.{number}")


def freeswitch():
    for number, start, caller, talk in calls():
        answered = start + timedelta(seconds=5)
        yield freeswitch_line(
            caller_id_number=caller,
            caller_id_name="",
            destination_number=CALLED,
            start_stamp=str(start),
            answer_stamp=str(answered) if talk else "",
            end_stamp=str(answered + timedelta(seconds=talk)),
            duration=str(talk + 5),
            billsec=str(talk),
            hangup_cause="NORMAL_CLEARING" if talk else "NO_ANSWER",
            uuid=f"sample-{start:%Y-%m}-{number}",
            bleg_uuid="",
            accountcode="",
        )


def threecx():
    for number, start, caller, talk in calls():
        answered = start + timedelta(seconds=5)
        yield threecx_line(
            history=f"Call {number}",
            callid=f"{start:%Y-%m}_{number}",
            duration=str(timedelta(seconds=talk)).zfill(8),
            start=f"{start:%Y/%m/%d %H:%M:%S}",
            answered=f"{answered:%Y/%m/%d %H:%M:%S}" if talk else "",
            end=f"{answered + timedelta(seconds=talk):%Y/%m/%d %H:%M:%S}",
            from_no=caller,
            dial_no=CALLED,
            bill_cost="",
            chain=f"Chain: {caller};Ext.201;",
            from_name="",
            missed="" if talk else "1",
        )


def vicidial():
    yield export(
        *(
            INBOUND
            | {
                "call_date": str(start),
                "phone_number_dialed": caller.strip("+"),
                "status": "SALE" if talk else "DROP",
                "user": "6001" if talk else "VDCL",
                "comments": "",
                "length_in_sec": str(talk + 5),
                "alt_dial": "5.00",
                "lead_id": str(number),
                "uniqueid": f"{start:%Y-%m}.{number}",
            }
            for number, start, caller, talk in calls()
        )
    )


SAMPLES = {"asterisk_csv": asterisk, "freeswitch_csv_example": freeswitch, "threecx": threecx, "vicidial_export": vicidial}


def write():
    for code, make in SAMPLES.items():
        (FOLDER / f"{code}.txt").write_text("".join(make()), newline="")
