"""Readers of call records: bytes in, normalised records and refusals out.

This package imports nothing from Odoo, so it runs and is tested without a database. One module per
phone system declares how its columns become the columns of :mod:`.record`; :mod:`.reader` does the rest.
Another add-on makes its own format known with :func:`register`.
"""

from .registry import Dialect, Format, get, register, selection
from .declare import declared
from .reader import ReadError, ReadResult, header_of, preview, raw_records, read, read_parts, write_again
from . import asterisk_csv, generic
from . import asterisk_queue_log, asterisk_table
from . import freeswitch_csv, freeswitch_json, freeswitch_xml
from . import vicidial_export
from . import amazon_connect
from . import five9
from . import genesys_cloud
from . import nice_cxone
from . import normalised
from . import talkdesk
from . import twilio
from . import zendesk_talk
from . import cisco_cucm
from . import threecx
from . import yeastar
from . import grandstream
from . import avaya_ipoffice
from . import mitel_smdr

__all__ = [
    "Dialect",
    "Format",
    "ReadError",
    "ReadResult",
    "asterisk_csv",
    "declared",
    "generic",
    "get",
    "header_of",
    "preview",
    "raw_records",
    "read",
    "read_parts",
    "register",
    "selection",
    "write_again",
]
