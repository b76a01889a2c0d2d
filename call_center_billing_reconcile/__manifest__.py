{
    "name": "Call Center Billing: Reconciliation",
    "summary": "Bank lines are matched by Call Center Billing, what is left is reconciled with OCA's widget",
    "version": "19.0.1.0.0",
    "category": "Accounting/Accounting",
    "license": "AGPL-3",
    "author": "Call Center Billing contributors",
    "depends": ["call_center_billing", "account_reconcile_oca"],
    "auto_install": True,
    "images": ["static/description/banner.png"],
}
