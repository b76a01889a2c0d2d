{
    "name": "Example of an extension",
    "summary": "What docs/extending.md shows: a price component and an indicator of one's own. Installed for the tests only",
    "version": "19.0.1.0.0",
    "license": "AGPL-3",
    "author": "Call Center Billing contributors",
    "depends": ["call_center_billing"],
    "data": ["views/call_rate_term_views.xml"],
}
