{
    "name": "Call Center Billing: Jobs",
    "summary": "Imports, billing runs, documents, mails and reports as jobs that several Odoo nodes share",
    "version": "19.0.1.0.0",
    "category": "Accounting/Accounting",
    "license": "AGPL-3",
    "author": "Call Center Billing contributors",
    "depends": ["call_center_billing", "queue_job"],
    "data": [
        "security/ir.model.access.csv",
        "security/security.xml",
        "data/queue_job.xml",
        "views/call_job_views.xml",
    ],
    "auto_install": True,
    "images": ["static/description/banner.png"],
}
