from odoo import fields, models


class CallFolderFile(models.Model):
    """A file in a watched folder, from its first sight until it is put away.

    Always: ``import_id`` is set in the transaction that stores the file's content, so a file that has it can be moved.
    """

    _name = "call.folder.file"
    _description = "File in a Watched Folder"
    _order = "name"

    source_id = fields.Many2one("call.source", required=True, ondelete="cascade", readonly=True)
    name = fields.Char(string="File Name", required=True, readonly=True)
    stamp = fields.Char(required=True, readonly=True, help="Size, time of the last change and inode.")
    seen_at = fields.Datetime(string="Unchanged Since", required=True, readonly=True)
    import_id = fields.Many2one("call.import", readonly=True, index="btree_not_null")

    _name_of_source = models.UniqueIndex("(source_id, name)")
