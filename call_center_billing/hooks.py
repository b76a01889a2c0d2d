"""What happens when the add-on is removed."""

from odoo.tools import SQL

OTHERS = ("contract.contract", "contract.line", "product.product", "product.template", "res.partner", "res.users", "uom.uom")


def uninstall_hook(env):
    """What documents need stays, as the user's own: clients, services, contracts and units of demo data or of posted invoices. Odoo would
    try to delete them and log an error for each. Rows of the add-on's own tables go with the tables, and hold nothing back meanwhile."""
    types = env["ir.model.data"].search([("module", "=", "call_center_billing"), ("model", "=", "mail.activity.type")])
    env["mail.activity"].with_context(active_test=False).search([("activity_type_id", "in", types.mapped("res_id"))]).unlink()
    keys = env.execute_query(
        SQL(
            "SELECT t.relname, c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid"
            " WHERE c.contype = 'f' AND t.relname ~ '^call_' AND t.relnamespace = current_schema()::regnamespace"
        )
    )
    env.cr.execute("DROP TABLE IF EXISTS call_archive_key")  # no model
    for table, key in keys:
        env.cr.execute(SQL("ALTER TABLE %s DROP CONSTRAINT %s", SQL.identifier(table), SQL.identifier(key)))
    env.cr.execute(
        SQL(
            """
            DELETE FROM ir_model_data d
             WHERE d.module = 'call_center_billing' AND (starts_with(d.model, 'call.') OR d.model = ANY(%s))
               AND NOT (d.model = 'uom.uom' AND d.res_id NOT IN (
                   SELECT product_uom_id FROM account_move_line WHERE product_uom_id IS NOT NULL
                    UNION SELECT uom_id FROM product_template
                    UNION SELECT uom_id FROM contract_line WHERE uom_id IS NOT NULL))
            """,
            list(OTHERS),
        )
    )
    env.invalidate_all()
