"""JSON with our own names: what may be left out, and what refuses a record."""

import json

from .format_case import FormatCase

CALL = {
    "record_ref": "8f2c",
    "start": "2026-10-05T10:00:00+02:00",
    "direction": "inbound",
    "caller": "+491705550111",
    "called": "+49305550100",
    "disposition": "answered",
    "talk_seconds": 60,
}


class TestNormalisedJson(FormatCase):
    def records_with(self, *changes):
        """The records of calls with other values, each; None leaves a name out. They are one file."""
        calls = [{**CALL, "record_ref": f"r{number}", **values} for number, values in enumerate(changes)]
        told = [{name: value for name, value in call.items() if value is not None} for call in calls]
        return self.records_of("".join(json.dumps(call) + "\n" for call in told), "normalised_json")

    def test_a_call_becomes_a_record(self):
        expected = {
            "record_ref": "8f2c", "kind": "call", "start_at": "2026-10-05 08:00:00", "direction": "inbound", "caller_key": "491705550111",
            "called": "+49305550100", "disposition": "answered", "talk_seconds": "60", "total_seconds": "60", "quantity": "1.000000",
        }  # fmt: skip
        found = self.one(json.dumps(CALL), code="normalised_json")
        self.assertEqual({name: found[name] for name in expected}, expected)

    def test_what_is_not_told_has_its_usual_value(self):
        cases = (
            ({"talk_seconds": None}, {"talk_seconds": "0", "total_seconds": "0"}),
            ({"ring_seconds": 5, "hold_seconds": "7"}, {"total_seconds": "72"}),
            ({"total_seconds": 90, "ring_seconds": 5}, {"ring_seconds": "5", "total_seconds": "90"}),
            ({"quantity": 2.5}, {"quantity": "2.500000"}),
            ({"kind": "MESSAGE", "direction": None, "disposition": None}, {"kind": "message", "direction": "inbound", "disposition": "answered"}),
            ({"direction": "OUTBOUND", "disposition": "Busy"}, {"direction": "outbound", "disposition": "busy"}),
            ({"provider_cost": "0.012", "sequence": 7}, {"provider_cost": "0.012000", "sequence": "7"}),
            ({"version_at": "2026-10-05T08:05:00Z"}, {"version_at": "2026-10-05 08:05:00"}),
            ({"caller": None, "unknown": {"a": [1]}}, {"caller": "", "outcome": ""}),
        )  # fmt: skip
        found = self.records_with(*(values for values, _told in cases))
        for (values, told), each in zip(cases, found, strict=True):
            with self.subTest(values):
                self.assertEqual({name: each[name] for name in told}, told)

    def test_what_cannot_be_used_has_its_reason(self):
        cases = (
            ({"record_ref": None}, "columns"),
            ({"sequence": "seven"}, "columns"),
            ({"start": None}, "bad_time"),
            ({"start": "2026-10-05T10:00:00"}, "bad_time"),
            ({"version_at": "2026-10-05 10:00:00"}, "bad_time"),
            ({"talk_seconds": "a minute"}, "bad_duration"),
            ({"total_seconds": "x"}, "bad_duration"),
            ({"talk_seconds": -1}, "negative_duration"),
            ({"talk_seconds": 700000}, "absurd_duration"),
            ({"total_seconds": 59}, "talk_longer_than_call"),
            ({"direction": None}, "bad_direction"),
            ({"direction": "sideways"}, "bad_direction"),
            ({"disposition": None}, "bad_disposition"),
            ({"disposition": "maybe"}, "bad_disposition"),
            ({"kind": "fax"}, "bad_kind"),
            ({"quantity": "two"}, "bad_quantity"),
            ({"quantity": -1}, "bad_quantity"),
            ({"provider_cost": "cheap"}, "bad_cost"),
        )
        found = self.records_with(*(values for values, _reason in cases), {})
        self.assertEqual([each["reason"] for each in found], [*(reason for _values, reason in cases), ""])

    def test_what_is_no_record_costs_only_itself(self):
        content = f'{json.dumps(CALL)}\n{{"record_ref":\n[1]\n{json.dumps({**CALL, "record_ref": "next"})}\n'
        told = self.told(content, "normalised_json", "record_ref", "reason")
        self.assertEqual([row for row in told if row[0]], [("8f2c", ""), ("next", "")])
        self.assertEqual({row[1] for row in told if not row[0]}, {"unreadable"})
