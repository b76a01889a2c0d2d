import json

from odoo.tests import tagged

from ..formats.card_numbers import hidden, is_card
from .asterisk import row
from .common import CallBillingCommon

CARD = "4111 1111 1111 1111"


@tagged("post_install", "-at_install")
class TestCardNumbers(CallBillingCommon):
    """Numbers of payment cards do not get into the calls, nor stay in what is kept of them."""

    def test_a_record_with_a_card_number_is_suspended_with_its_digits_crossed_out(self):
        brought = self.import_records(self.record(account_code=f"card {CARD} exp 12/29"), self.record())
        self.assertTotals(brought, read=2, accepted=1, suspended=1)
        (held,) = brought.suspense_ids
        self.assertEqual((held.reason, held.account_code), ("card_number", "card XXXX XXXX XXXX XXXX exp XX/XX"))
        self.assertIn("card XXXX XXXX XXXX XXXX exp 12/29", held.raw)

    def test_neither_the_file_nor_the_raw_record_has_it_any_more(self):
        content = "".join((row(account="4111111111111111"), row(start="2026-10-06 10:00:00")))
        brought = self.import_text(content)
        brought.invalidate_recordset()
        file = brought._content_attachment().raw.decode()
        self.assertEqual(file, content.replace("4111111111111111", "X" * 16))
        self.assertNotIn("4111", brought.suspense_ids.raw)
        again = self.import_text(content)
        self.assertEqual((again.state, again.read_count), ("repeated", 0))

    def test_a_workbook_that_holds_one_is_removed(self):
        brought = self.import_text(row(account="4111111111111111"))
        attachment = brought._content_attachment()
        attachment.raw = b"PK\x03\x04" + attachment.raw
        self.assertEqual(brought._cross_out({"4111111111111111"}), "removed")
        self.assertFalse(brought._content_attachment())

    def test_recycled_it_becomes_the_call_without_the_card(self):
        brought = self.import_records(self.record(account_code=CARD))
        brought.suspense_ids.action_recycle()
        self.assertEqual(self.calls(brought).account_code, "XXXX XXXX XXXX XXXX")
        self.assertTotals(brought, read=1, accepted=1)

    def test_the_same_record_in_another_file_is_known(self):
        record = self.record(account_code=CARD)
        self.import_records(record).suspense_ids.action_recycle()
        self.assertTotals(self.import_records(record, self.record()), read=2, accepted=1, duplicate=1)

    def test_digits_that_were_keyed_in_behind_a_number_are_found(self):
        brought = self.import_records(self.record(called="4111111111111111", direction="outbound"))
        (held,) = brought.suspense_ids
        self.assertEqual((held.reason, held.called, held.number_key), ("card_number", "X" * 16, "491705550111"))

    def test_numbers_of_telephones_and_ids_are_left_alone(self):
        texts = {
            "account_code": "4917055501111",
            "campaign": "1699999999.41111",
            "queue": "20261005101500",
            "agent": "1234567812345670",
        }
        brought = self.import_records(*(self.record(**{name: text}) for name, text in texts.items()))
        self.assertTotals(brought, read=4, accepted=4)

    def test_every_free_text_is_looked_at(self):
        for name in ("queue", "campaign", "skill", "account_code", "trunk", "agent", "quality"):
            with self.subTest(name):
                brought = self.import_records(self.record(**{name: f"x {CARD}"}))
                self.assertEqual(brought.suspense_ids.mapped("reason"), ["card_number"])
                self.assertNotIn("4111", json.dumps(brought.suspense_ids.read(load=None), default=str))

    def test_cards_of_the_networks_are_known_by_their_check_digit(self):
        cards = ("4111111111111111", "5555555555554444", "2223003122003222", "378282246310005", "30569309025904", "3530111333300000",
                 "6011111111111117", "6200000000000005")  # fmt: skip
        for card in cards:
            with self.subTest(card):
                self.assertTrue(is_card(card))
                self.assertFalse(is_card(card[:-1] + str((int(card[-1]) + 1) % 10)))
                self.assertEqual(hidden(f"a {card} b"), f"a {'X' * len(card)} b")
