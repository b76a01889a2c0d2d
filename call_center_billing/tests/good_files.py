"""A sound file of each format, as bytes by its code."""

import json

from . import test_format_amazon_connect as connect
from . import test_format_asterisk_queue_log as queue_log
from . import test_format_asterisk_table as table
from . import test_format_avaya_ipoffice as avaya
from . import test_format_cisco_cucm as cisco
from . import test_format_five9 as five9
from . import test_format_freeswitch_csv as freeswitch_csv
from . import test_format_freeswitch_json as freeswitch_json
from . import test_format_freeswitch_xml as freeswitch_xml
from . import test_format_generic as generic
from . import test_format_genesys_cloud as genesys
from . import test_format_grandstream as grandstream
from . import test_format_mitel_smdr as mitel
from . import test_format_nice_cxone as cxone
from . import test_format_talkdesk as talkdesk
from . import test_format_threecx as threecx
from . import test_format_twilio as twilio
from . import test_format_vicidial_export as vicidial
from . import test_format_yeastar as yeastar
from . import test_format_zendesk_talk as zendesk
from .asterisk import row

OPTIONS = {**generic.OPTIONS, "columns": 64, "time_format": "iso", "duration_unit": "seconds", "today": mitel.TODAY}
CELLS = generic.ROW.split(",")
TITLES = generic.HEADER.strip().split(",")
RECORD = dict(zip(TITLES, CELLS, strict=True))


def _texts():
    yield "asterisk_csv", row() + row(disposition="NO ANSWER", talk=0)
    yield "generic_csv", generic.HEADER + generic.ROW + "\n"
    yield "generic_json", json.dumps([RECORD, {**RECORD, "id": 2}])
    yield "asterisk_queue_log", queue_log.LOG
    yield "asterisk_table", table.FREEPBX + "\n" + table.row(columns=table.FREEPBX)
    for template in freeswitch_csv.TEMPLATES:
        yield f"freeswitch_csv_{template}", freeswitch_csv.line(template)
    yield "freeswitch_json", json.dumps(freeswitch_json.leg())
    yield "freeswitch_xml", freeswitch_xml.document()
    yield "vicidial_export", vicidial.export(vicidial.OUTBOUND, vicidial.INBOUND)
    yield "amazon_connect", json.dumps(connect.contact())
    yield "five9", five9.log(five9.row())
    yield "genesys_cloud", json.dumps({"conversations": [genesys.conversation(genesys.CUSTOMER, genesys.ACD, genesys.ANNA)]})
    yield "nice_cxone", json.dumps({"completedContacts": [cxone.contact()]})
    told = {"record_ref": "1", "start": "2026-10-05T10:00:00Z", "direction": "inbound", "disposition": "answered"}
    yield "normalised_json", json.dumps(told)
    yield "talkdesk", json.dumps({"entries": [talkdesk.old(), talkdesk.new()]})
    yield "twilio", json.dumps({"calls": [twilio.call()]})
    yield "zendesk_talk", json.dumps({"calls": [zendesk.call()]})
    yield "cisco_cucm", cisco.header() + cisco.line() + cisco.header(cisco.CMR) + cisco.line(cisco.CMR)
    yield "threecx", threecx.line()
    yield "yeastar", yeastar.event()
    yield "grandstream_json", grandstream.document(grandstream.CALL)
    yield "grandstream_csv", grandstream.HEADER + grandstream.line()
    yield "avaya_ipoffice", avaya.line()
    yield "mitel_smdr", mitel.columns()


GOOD = {code: text.encode() for code, text in _texts()} | {"generic_xlsx": generic.workbook(TITLES, CELLS)}
