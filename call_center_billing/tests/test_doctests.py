import doctest

from odoo.tests.common import BaseCase

from ..deliveries import archive, folder
from ..formats import generic, local_time, numbers, registry, titles
from ..models import call_charge, call_statement_document


class TestDoctests(BaseCase):
    def test_examples_in_docstrings_come_out(self):
        for module in (archive, folder, titles, generic, local_time, numbers, registry, call_charge, call_statement_document):
            with self.subTest(module.__name__):
                result = doctest.testmod(module)
                self.assertTrue(result.attempted)
                self.assertFalse(result.failed)
