import re

OURS = re.compile(r"^/(my/(statements|agreements|disputes|calls|performance)|call_center_billing/)")
IDS = {
    "agreement_id": "call.agreement", "dispute_id": "call.dispute", "report_id": "call.performance.report",
    "statement_id": "call.statement",
}  # fmt: skip
WORDS = {"archive_id": "1", "code": "threecx", "page": "1", "rate": "5", "kind": "csv", "document": "0" * 64}


class PortalPages:
    """Every page of this add-on that is asked for by address, with the ids of ``records``: name of a model -> its record."""

    def routes(self, readonly=(True, False)):
        """Addresses, with the ids of the client's records.

        :param readonly: what those that are wanted are declared as
        """
        Http, found = self.env["ir.http"], set()
        modules = sorted(self.env.registry._init_modules)
        for path, endpoint in Http._generate_routing_rules(modules, converters=Http._get_converters()):
            asked = endpoint.routing["type"] == "http" and "GET" in (endpoint.routing.get("methods") or ("GET",))
            declared = bool(endpoint.routing["readonly"])
            if OURS.match(path) and asked and declared in readonly:
                found.add(re.sub(r"<(?:[^:>]*:)?(\w+)>", self._word, path))
        return sorted(found)

    def _word(self, match):
        name = match[1]
        return str(self.records[IDS[name]].id) if name in IDS else WORDS[name]
