{
    "name": "Call Center Billing: Dashboards",
    "summary": "Operations, billing and clients at a glance, on Odoo's spreadsheet dashboards",
    "version": "19.0.1.0.0",
    "category": "Accounting/Accounting",
    "license": "AGPL-3",
    "author": "Call Center Billing contributors",
    "depends": ["call_center_billing", "spreadsheet_dashboard"],
    "data": ["data/dashboards.xml"],
    "assets": {"web.assets_tests": ["call_center_billing_spreadsheet/static/tests/tours/**/*"]},
    "auto_install": True,
    "images": ["static/description/banner.png"],
}
