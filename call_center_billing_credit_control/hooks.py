def post_init_hook(env):
    """Companies that made runs already go on as they did: nothing is sent for them by itself. OCA's data chooses a policy for the first
    company; where nobody used it, ours takes its place with the first daily job."""
    used = env["credit.control.run"].search([]).company_id
    used.call_reminders = False
    chosen = env.ref("account_credit_control.credit_control_3_time", raise_if_not_found=False)
    if chosen:
        env["res.company"].search([("credit_policy_id", "=", chosen.id), ("id", "not in", used.ids)]).credit_policy_id = False
