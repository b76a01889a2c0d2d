from pathlib import Path

from odoo import fields, http
from odoo.http import content_disposition, request

FOLDER = Path(__file__).parent.parent / "static" / "samples"
MONTH = "2026-10"
"""The month of the sample files as they are kept."""
NAMES = {
    "asterisk_csv": "Master.csv",
    "freeswitch_csv_example": "freeswitch.csv",
    "threecx": "3cx.csv",
    "vicidial_export": "vicidial.txt",
}


class CallSampleController(http.Controller):
    """Files of invented calls for a first try, as the phone systems write them, moved to the month that was last over."""

    @http.route("/call_center_billing/sample/<string:code>", type="http", auth="user", methods=["GET"], readonly=True)
    def sample(self, code):
        if code not in NAMES or not request.env.user.has_group("call_center_billing.group_sales"):
            raise request.not_found()
        last = fields.Date.subtract(fields.Date.context_today(request.env.user), months=1).strftime("%Y-%m")
        text = (FOLDER / f"{code}.txt").read_bytes().decode()
        text = text.replace(MONTH, last).replace(MONTH.replace("-", "/"), last.replace("-", "/"))
        headers = [("Content-Type", "text/csv; charset=utf-8"), ("Content-Disposition", content_disposition(NAMES[code]))]
        return request.make_response(text.encode(), headers)
