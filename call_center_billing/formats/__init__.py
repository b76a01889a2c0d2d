"""Readers of call records: bytes in, normalised records and refusals out.

This package imports nothing from Odoo, so it runs and is tested without a database. One module per
phone system declares how its columns become the columns of :mod:`.record`; :mod:`.reader` does the rest.
Another add-on makes its own format known with :func:`register`.
"""

from .registry import Format, get, register, selection
from .reader import ReadError, ReadResult, preview, raw_records, read
from . import asterisk_csv, generic_csv

__all__ = [
    "Format",
    "ReadError",
    "ReadResult",
    "asterisk_csv",
    "generic_csv",
    "get",
    "preview",
    "raw_records",
    "read",
    "register",
    "selection",
]
