from odoo.tests.common import tagged

from odoo.addons.call_center_billing.tests.payment_case import PaymentCommon


@tagged("post_install", "-at_install")
class TestReconcile(PaymentCommon):
    """Matching beside OCA's widget."""

    def as_imported(self, text, amount, **values):
        """A line as an import makes it: in tests OCA does nothing by itself unless asked."""
        line = self.bank_line(text, amount, **values)
        line.with_context(_test_account_reconcile_oca=True)._auto_reconcile()
        return line

    def test_no_invoice_is_matched_because_it_contains_the_label(self):
        invoice = self.invoice(100)
        lines = [self.as_imported(text, 100) for text in ("1", "%", invoice.name[-3:])]
        self.assertEqual([line.is_reconciled for line in lines], [False] * 3)

    def test_the_widget_shows_what_was_matched(self):
        invoice = self.invoice(100)
        line = self.as_imported(f"For {invoice.name}", 100)
        self.assertEqual(self.match(line), ["matched"])
        kinds = {each["account_id"][0] for each in line.reconcile_data_info["data"]}
        self.assertIn(self.client.property_account_receivable_id.id, kinds)

    def test_what_is_left_is_reconciled_in_the_widget(self):
        invoice = self.invoice(100)
        line = self.as_imported("Thank you", 100)
        self.match(line)
        line.add_account_move_line_id = invoice.line_ids.filtered(lambda each: each.display_type == "payment_term")
        line._onchange_add_account_move_line_id()
        line.reconcile_bank_line()
        self.assertEqual((invoice.amount_residual, line.is_reconciled), (0, True))
