from odoo import fields, models


class CallRateTerm(models.Model):
    """A surcharge: per cent of what the usage of a period costs."""

    _inherit = "call.rate.term"

    kind = fields.Selection(selection_add=[("surcharge", "Surcharge")], ondelete={"surcharge": "cascade"})
    surcharge = fields.Float(string="Surcharge (%)", digits=(16, 4))

    def _words_surcharge(self):
        """What the agreement says of it."""
        return self.env._("%s %% of the usage", f"{self.surcharge:g}")
