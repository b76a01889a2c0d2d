import doctest

from odoo.tests.common import BaseCase

from .. import comparison, indicators
from ..banking import allocation, references
from ..deliveries import archive, folder
from ..formats import (
    card_numbers,
    freeswitch_variables,
    generic,
    json_stream,
    local_time,
    numbers,
    rate_deck,
    rate_deck_changes,
    registry,
    structured,
    titles,
)
from ..models import (
    call_charge,
    call_correction,
    call_masking,
    call_performance,
    call_price,
    call_search,
    call_service_level,
    call_statement_document,
    contract_gaps,
    thresholds,
)
from ..pricing import agent_time, allowance, best_plan, commitment, outlook, proration, rollover, seconds, service_level, tiers

MODULES = (
    comparison, indicators, allocation, references, archive, folder, card_numbers, freeswitch_variables, generic, json_stream, local_time, numbers, rate_deck, rate_deck_changes, registry,
    structured, titles, call_charge, call_correction, call_masking, call_performance, call_price, call_search, call_service_level, call_statement_document, contract_gaps,
    thresholds, agent_time, allowance, best_plan, commitment, outlook, proration, rollover, seconds, service_level, tiers,
)  # fmt: skip


class TestDoctests(BaseCase):
    def test_examples_in_docstrings_come_out(self):
        for module in MODULES:
            with self.subTest(module.__name__):
                result = doctest.testmod(module)
                self.assertTrue(result.attempted)
                self.assertFalse(result.failed)
