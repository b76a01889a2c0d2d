import doctest

from odoo.tests.common import BaseCase

from ..deliveries import archive, folder
from ..formats import freeswitch_variables, generic, json_stream, local_time, numbers, registry, structured, titles
from ..models import call_charge, call_statement_document

MODULES = (
    archive, folder, freeswitch_variables, generic, json_stream, local_time, numbers, registry, structured, titles, call_charge,
    call_statement_document,
)  # fmt: skip


class TestDoctests(BaseCase):
    def test_examples_in_docstrings_come_out(self):
        for module in MODULES:
            with self.subTest(module.__name__):
                result = doctest.testmod(module)
                self.assertTrue(result.attempted)
                self.assertFalse(result.failed)
