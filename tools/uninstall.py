"""Uninstall the add-ons in an Odoo shell, and fail where anything of them is left in the database: ``./run package``."""

import sys

NAME = "call_center_billing"
ODOOS = (".call_at", ".call_history_ids")
"""Names of Odoo's own that look like ours."""


def left(env):
    """What of the add-ons is in the database: tables, columns, data, parameters, jobs."""
    questions = {
        "tables": "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'S') AND relnamespace = 'public'::regnamespace",
        "columns": "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'",
        "functions": "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
        "indexes": "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'",
        "fields": "SELECT model || '.' || name FROM ir_model_fields",
        "models": "SELECT model FROM ir_model",
        "parameters": "SELECT key FROM ir_config_parameter",
    }
    found = {}
    for what, question in questions.items():
        env.cr.execute(question)
        found[what] = {name for (name,) in env.cr.fetchall()}
    env.cr.execute("SELECT module || '.' || name FROM ir_model_data WHERE starts_with(module, %s)", (NAME,))
    found["data"] = {name for (name,) in env.cr.fetchall()}
    return found


def main(env):
    modules = env["ir.module.module"].search([("name", "=like", f"{NAME}%"), ("state", "=", "installed")])
    modules.button_immediate_uninstall()
    env = env(su=True)
    after = left(env)
    ours = {
        what: sorted(
            name for name in names if (name.startswith(("call_", "call.", NAME)) or ".call_" in name) and not name.endswith(ODOOS)
        )
        for what, names in after.items()
    }
    ours["data"] = sorted(after["data"])
    for what, names in ours.items():
        print(f"left, {what}: {', '.join(names) or '-'}")
    if any(ours.values()):
        sys.exit(1)


main(env)  # noqa: F821
