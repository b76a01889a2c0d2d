from odoo import models


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _update_control_line_status(self):
        """The reason of a mail that failed is shown on the reminder."""
        res = super()._update_control_line_status()
        for mail in self:
            if mail.model == "credit.control.communication" and mail.state in ("exception", "cancel"):
                self.env[mail.model].browse(mail.res_id).call_failure = mail.failure_reason or self.env._(
                    "Mail was not accepted."
                )
        return res
