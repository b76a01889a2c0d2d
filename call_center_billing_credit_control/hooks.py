def post_init_hook(env):
    """Companies that remind with a policy of their own already go on as they did: nothing is sent for them by itself."""
    env["res.company"].search([("credit_policy_id", "!=", False)]).call_reminders = False
