"""Windows that buttons open."""


def form_of(record, **more):
    """The window with the form of a record.

    :param more: further values, such as ``target="new"`` and ``name`` for a dialog
    """
    return {"type": "ir.actions.act_window", "res_model": record._name, "res_id": record.id, "views": [(False, "form")], **more}
