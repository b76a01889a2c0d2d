import json
from importlib.util import find_spec
from pathlib import Path

from odoo import fields
from odoo.tests import HttpCase, tagged

from .asterisk import row
from .common import NOVEMBER, CallBillingCommon
from .portal_pages import PortalPages

CHECKER = Path(__file__).with_name("accessibility.js")
LEFT = "header, footer, #chatterRoot, .o_portal_navbar, #invoice_html"
"""What Odoo made, on every page."""
FILES = ("csv", "sample/")
"""Parts of addresses that answer with a file."""


@tagged("post_install", "-at_install")
class TestAccessibility(PortalPages, HttpCase, CallBillingCommon):
    """What axe-core, the checker of Deque, finds on the client's pages; and none is wider than a phone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contract.write({"contestation_days": 3650, "masked_digits": 4})
        cls.plan.write(
            {
                "allowance_ids": [fields.Command.create({"name": "Included", "quantity": 1})],
                "term_ids": [fields.Command.create({"name": "Answered in time", "kind": "service_level", "target": 80})],
            }
        )
        cls.make_portal_user(cls.client, "reader")
        cls.import_text(row(talk=61), row(talk=300), row(talk=0, disposition="NO ANSWER"), row(talk=30, caller=""))
        move = cls.bill(cls, cls.contract, NOVEMBER)
        move.action_post()
        statement = move.call_statement_ids
        today = fields.Date.context_today(cls.contract.with_context(tz="Europe/Berlin"))
        cls.contract._fit_statements()
        cls.import_text(row(start=f"{today} 00:00:01", talk=60))
        agreement = cls.env["call.agreement"].create({"contract_id": cls.contract.id})
        agreement._offer()
        usage = cls.env["call.usage.line"].search(
            [("statement_id", "=", statement.id), ("talk_seconds", ">", 0), ("caller", "!=", False)]
        )
        reason = cls.env["call.dispute.reason"].search([], limit=1)
        dispute = statement._raise_dispute([{"usage_id": usage[0].id}], reason, comment="Not ours")
        days = {"date_start": "2026-10-01", "date_end": "2026-10-31"}
        report = cls.env["call.performance.report"].create({"contract_id": cls.contract.id, **days})
        report.sudo().sent_at = fields.Datetime.now()
        cls.records = {
            "call.agreement": agreement, "call.dispute": dispute, "call.performance.report": report, "call.statement": statement,
        }  # fmt: skip
        cls.odoos = ["/my/home", move.get_portal_url()]
        running = cls.contract.call_statement_ids.filtered(lambda s: s.state == "open" and s.usage_count)
        cls.more = [
            *cls.odoos,
            f"/my/statements/so-far/{running.id}",
            f"/my/statements/{statement.id}?charge={statement.charge_ids.filtered('call_count')[:1].id}",
            f"/my/disputes/new?call={usage[1].id}",
            f"/my/calls?number={usage[0].caller[-7:]}",
            "/my/calls?date_from=2026-10-01&date_to=2026-10-31",
        ]
        script = Path(find_spec("axe_playwright_python").submodule_search_locations[0], "axe.min.js").read_bytes()
        cls.script = cls.env["ir.attachment"].create(
            {"name": "axe.min.js", "raw": script, "mimetype": "application/javascript", "public": True}
        )

    def pages(self):
        """Addresses that answer with a page of their own."""
        self.authenticate("reader", "reader")
        pages = []
        for url in [*self.routes(), *self.more]:
            if not any(file in url for file in FILES):
                answer = self.url_open(url, allow_redirects=False)
                if answer.status_code == 200 and "text/html" in answer.headers["Content-Type"]:
                    pages.append(url)
        return pages

    def test_no_page_shuts_out_a_client(self):
        pages = self.pages()
        self.assertGreaterEqual(len(pages), 21, pages)
        values = {
            "urls": pages,
            "widths": [1366, 390],
            "odoos": self.odoos,
            "axe": f"/web/content/{self.script.id}",
            "left": LEFT,
        }
        constants = "".join(f"const {name} = {json.dumps(value)};" for name, value in values.items())
        code = f"(async () => {{{constants}{CHECKER.read_text()}}})()"
        self.browser_js("/my/home", code, login="reader", timeout=300)
