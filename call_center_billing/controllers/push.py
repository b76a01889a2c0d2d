import base64
import binascii

from werkzeug.exceptions import RequestEntityTooLarge

from odoo import SUPERUSER_ID, http
from odoo.http import request

from .. import formats

MAX_BYTES = 1024 * 1024


class PushDispatcher(http.HttpDispatcher):
    """As ``http``, but the body is left alone: some phone systems call JSON or XML a form, and reading it as one would
    use it up, before anybody asked who sent it and how much it is."""

    routing_type = "call_push"

    def dispatch(self, endpoint, args):
        self.request.params = args
        return self.request.registry["ir.http"]._dispatch(endpoint)


class CallPushController(http.Controller):
    """Where phone systems post call records. 200 is sent after the body is committed, so what got another answer, or
    none, is to be posted again."""

    @http.route(
        "/call_center_billing/push/<int:source_id>",
        type="call_push",
        auth="none",
        methods=["POST"],
        csrf=False,
        save_session=False,
        readonly=False,
    )
    def push(self, source_id):
        env = request.env(user=SUPERUSER_ID)
        source = env["call.source"]._find_pushing(source_id, self._secret())
        if not source:
            return self._refuse(401, "Unknown source or wrong secret.", {"WWW-Authenticate": 'Basic realm="Call records"'})
        read = formats.get(source.format).bodies
        if not read:
            return self._refuse(409, "The format of this source cannot be pushed: choose another in Odoo.")
        recent, seconds = env["call.push.post"]._admit(source)
        if seconds:
            return self._refuse(429, "More posts in a minute than this source allows.", {"Retry-After": str(seconds)})
        try:
            body = self._body(env)
        except RequestEntityTooLarge:
            return self._refuse(413, "The body is too large: send fewer records at once.")
        try:
            records = read(body, request.httprequest.headers.get("Content-Type", ""))
        except ValueError as error:
            return self._refuse(400, self._sentence(error))
        new = env["call.push"]._receive(source, body, records)
        if new and not recent:  # the first one for a while: nobody waits for a full batch
            env.ref("call_center_billing.call_push_cron")._trigger()
        return request.make_json_response({"status": "received" if new else "repeated", "records": len(records)})

    def _secret(self):
        """What the request says is the secret: as Basic password, as Bearer token, or in the address."""
        scheme, _space, value = request.httprequest.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return value.strip()
        if scheme.lower() == "basic":
            try:
                return base64.b64decode(value, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return ""
        return request.httprequest.args.get("token", "")

    def _body(self, env):
        """:raise RequestEntityTooLarge: nothing beyond the limit is read"""
        limit = env["ir.config_parameter"].get_param("call_center_billing.push_max_bytes")
        limit = int(limit) if limit and limit.isdecimal() else MAX_BYTES
        request.httprequest.max_content_length = limit + 1
        body = request.httprequest.get_data()
        if len(body) > limit:  # without Content-Length it is cut there, and must not pass for the whole
            raise RequestEntityTooLarge
        return body

    def _sentence(self, error):
        text = str(error)[:300].rstrip(".").encode("ascii", "replace").decode()
        return f"{text[:1].upper()}{text[1:]}."

    def _refuse(self, status, reason, headers=None):
        return request.make_json_response({"status": "refused", "reason": reason}, headers=headers, status=status)
