{
    "name": "Test assets",
    "summary": "Removes a script that Debian's build of Odoo does not ship, whose absence fails every browser test",
    "version": "19.0.1.0.0",
    "license": "AGPL-3",
    "author": "Call Center Billing contributors",
    "depends": ["mail"],
    "assets": {
        "web.assets_backend": [
            ("remove", "mail/static/lib/selfie_segmentation/selfie_segmentation.js"),
        ],
    },
}
