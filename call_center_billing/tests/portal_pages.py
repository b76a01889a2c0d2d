import re

OURS = re.compile(r"^/(my/(statements|agreements|disputes|calls|performance)|call_center_billing/)")
IDS = {
    "agreement_id": "call.agreement", "dispute_id": "call.dispute", "report_id": "call.performance.report",
    "statement_id": "call.statement",
}  # fmt: skip
WORDS = {
    "archive_id": "1", "code": "threecx", "page": "1", "rate": "5", "kind": "csv", "document": "0" * 64, "source_id": "0",
}  # fmt: skip


class PortalPages:
    """Every page of this add-on that is asked for by address, with the ids of ``records``: name of a model -> its record."""

    def routes(self, readonly=(True, False)):
        """Addresses, with the ids of the client's records.

        :param readonly: what those that are wanted are declared as
        """
        return sorted(
            {
                path
                for path, routing in self._routes()
                if routing["type"] == "http"
                and "GET" in (routing.get("methods") or ("GET",))
                and bool(routing["readonly"]) in readonly
            }
        )

    def posted(self):
        """(address, whether it is a remote call) of what is sent to by forms and scripts of the pages"""
        wanted = {
            (path, r["type"] == "jsonrpc")
            for path, r in self._routes()
            if r["type"] == "jsonrpc" or "POST" in (r.get("methods") or ())
        }
        return sorted(each for each in wanted if "/push/" not in each[0])

    def _routes(self):
        Http = self.env["ir.http"]
        modules = sorted(self.env.registry._init_modules)
        for path, endpoint in Http._generate_routing_rules(modules, converters=Http._get_converters()):
            if OURS.match(path):
                yield re.sub(r"<(?:[^:>]*:)?(\w+)>", self._word, path), endpoint.routing

    def _word(self, match):
        name = match[1]
        return str(self.records[IDS[name]].id) if name in IDS else WORDS[name]
