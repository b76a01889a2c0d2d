"""The client's own list of its calls, beside ours."""

import tempfile
from datetime import timedelta
from pathlib import Path

from odoo import api, models
from odoo.exceptions import UserError

from .. import formats
from ..comparison import Entry, compare
from ..formats import detect

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 20_000
WANTED = ("start", "start_time", "caller", "called", "total_seconds", "talk_seconds")
NUMBER_TITLES = {
    "number", "phone", "telephone", "phone number", "nummer", "rufnummer", "telefonnummer", "telefon", "numéro", "número", "telefone",
    "teléfono", "téléphone",
}  # fmt: skip
"""Titles of the other party's number in a list that people keep themselves."""
SIDES = {"inbound": "caller_shown", "outbound": "called_shown"}
"""Where the other party's number is."""


class CallOwnList(models.AbstractModel):
    """Reads a list with the readers that read phone systems' files, and pairs it with the calls that a statement charges. Numbers are
    compared as the client sees ours, so that no list tells hidden digits. Owns no data."""

    _name = "call.own.list"
    _description = "Client's Own Call List"

    @api.model
    def _compare(self, statement, content, name, columns, start_tolerance=120, seconds_tolerance=2, date_order=None):
        """:param content: bytes of a CSV or XLSX file
        :param columns: dict of field (``start``, ``caller``, ``called``, ``total_seconds``) -> title of its column; what is not named is
            found by itself
        :param date_order: ``dmy``, ``mdy`` or None: found by itself
        :return: (comparison.Comparison, number of rows that could not be read)
        :raise UserError: the list cannot be read, with what to do
        """
        if len(content) > MAX_BYTES:
            raise UserError(self.env._("The list is larger than 10 MB: send it in parts, one period at a time."))
        rows = self._read(content, columns, statement.sudo().contract_id.usage_tz, date_order)
        good = [row for row in rows if not row["outcome"] and row["start_at"]]
        first, last = statement.date_start - timedelta(days=1), statement.date_end + timedelta(days=1)
        theirs = [self._entry_of(row) for row in good if first <= row["start_at"].date() <= last]
        hidden = statement.sudo().contract_id.masked_digits
        refused = sum(row["outcome"] == "refused" for row in rows)
        return compare(self._ours(statement), theirs, start_tolerance, seconds_tolerance, hidden), refused

    @api.model
    def _within(self, ours, theirs, tolerance):
        """Our calls of the time that the list is about: it may be of a day or a week only."""
        if not theirs:
            return ours
        margin = timedelta(seconds=tolerance)
        first, last = min(entry.start for entry in theirs), max(entry.start for entry in theirs)
        first, last = first.replace(hour=0, minute=0, second=0), last.replace(hour=23, minute=59, second=59)
        return [entry for entry in ours if first - margin <= entry.start <= last + margin]

    @api.model
    def _ours(self, statement):
        calls = self.env["call.usage.line"].search(
            [("statement_id", "=", statement.id), ("status", "=", "billable"), ("kind", "=", "call"), ("quantity", ">", 0)],
            order="start_at",
            limit=MAX_ROWS + 1,
        )
        if len(calls) > MAX_ROWS:
            raise UserError(
                self.env._(
                    "This period has more than %s calls: download its file and compare it in a spreadsheet.", f"{MAX_ROWS:,}"
                )
            )
        return [
            Entry(
                call.id,
                "".join(filter(str.isdigit, (call[SIDES.get(call.direction, "caller_shown")] or "").split("X")[0])),
                call.start_at,
                call.total_seconds,
            )
            for call in calls
        ]

    @api.model
    def _entry_of(self, row):
        number = "".join(filter(str.isdigit, row["caller"] or row["called"] or ""))
        return Entry((row["caller"] or row["called"] or "", row["line_number"]), number, row["start_at"], self._seconds(row))

    @api.model
    def _seconds(self, row):
        return row["total_seconds"] or row["talk_seconds"] or None

    @api.model
    def _read(self, content, columns, zone, date_order):
        with tempfile.TemporaryDirectory() as workdir:
            path = Path(workdir) / "list"
            path.write_bytes(content)
            try:
                found = self._detect(str(path), {name: title for name, title in columns.items() if title})
                self._check_found(found, date_order)
                return formats.preview(str(path), found.format, self._options(found, date_order), zone, limit=MAX_ROWS)
            except formats.ReadError as error:
                raise UserError(
                    self.env._("This list could not be read. Send a CSV or XLSX file with a title line and one call in each row.")
                ) from error

    @api.model
    def _detect(self, path, wanted):
        """:param wanted: dict of field -> title; upper and lower case do not matter"""
        found = detect.detect(path)
        titles = {column.title.casefold(): column.title for column in found.columns if column.title}
        for title in wanted.values():
            if title.casefold() not in titles:
                values = {"title": title, "titles": ", ".join(titles.values())}
                raise UserError(self.env._("The list has no column '%(title)s'. It has: %(titles)s", **values))
        if wanted:
            found = detect.detect(path, {name: titles[title.casefold()] for name, title in wanted.items()})
        if not {"caller", "called"} & set(found.fields):
            free = [column for column in found.columns if not any(column is each for each in found.fields.values())]
            if number := next((column for column in free if (column.title or "").strip().casefold() in NUMBER_TITLES), None):
                found.fields["caller"] = number
        return found

    @api.model
    def _check_found(self, found, date_order):
        codes = {code for code, _detail in found.questions}
        if "start" not in found.fields or "no_start" in codes:
            titles = ", ".join(column.title for column in found.columns if column.title)
            raise UserError(self.env._("Which column has the start of the calls? The list has: %s", titles))
        if "date_order" in codes and not date_order:
            raise UserError(self.env._("Say whether the day or the month comes first in the dates of the list."))

    @api.model
    def _options(self, found, date_order):
        places = {name: column.place for name, column in found.fields.items() if name in WANTED}
        if "total_seconds" in places:
            places.pop("talk_seconds", None)
        return {
            "delimiter": found.delimiter,
            "encoding": found.encoding,
            "header": found.header,
            "inside": found.inside,
            "decimal": found.decimal,
            "time_format": date_order or found.time_format,
            "duration_unit": found.duration_unit or "seconds",
            "hold_in_talk": False,
            "kind": "call",
            "direction": "inbound",
            "disposition": "answered",
            "fields": places,
            "ignore": [],
            "values": {},
        }
