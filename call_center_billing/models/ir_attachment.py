from odoo import api, models


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    @api.model
    def _index(self, bin_data, file_type, checksum=None):
        """Call records are searched as calls; Odoo would copy the whole text file into the database to search it too."""
        if self.env.context.get("call_records"):
            return None
        return super()._index(bin_data, file_type, checksum=checksum)
