"""The calls of a prospect: a file that is imported as any other, for a client that exists only until it is priced."""

import tempfile
from datetime import date

from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import SQL

MAX_RECORDS = 200_000
FIRST_DAY = date(2000, 1, 1)
"""Of the prospect's contract: before all calls that a file may hold."""
QUIET = {"tracking_disable": True, "mail_create_nolog": True, "mail_create_nosubscribe": True, "mail_notrack": True}
KINDS = ("call", "agent_time", "message", "outcome")
EXAMPLES = 5
EDGE = 0.05
"""A period with a smaller part than this of the calls of another one is at the edge of the file."""


class CallSimulation(models.Model):
    _inherit = "call.simulation"  # pylint: disable=consider-merging-classes-inherited

    def _offers_file(self):
        """Price the calls of the file under each plan, once per billing period in which there are calls.

        :return: as :meth:`_offers_client`
        """
        with self.env.cr.savepoint() as savepoint:
            prospect = self.with_context(**QUIET)
            line = prospect._create_prospect()
            call_import = prospect._import_for(line)
            statements = line.contract_id.call_statement_ids.sorted("date_start")
            if not statements:
                raise UserError(
                    self.env._("No record of this file could be used.\n%s", prospect._unusable_text(call_import) or "")
                )
            lines = dict.fromkeys(statements, line)
            offers = [
                prospect._price(lines, {line: plan}) | {"plan": plan, "name": plan.name, "current": False}
                for plan in self.plan_ids
            ]
            values = {
                "periods": self._periods_text(lines),
                "read_count": call_import.read_count,
                "unusable_count": call_import.read_count - call_import.accepted_count,
                "unusable": prospect._unusable_text(call_import),
                "warning": "\n".join(filter(None, (call_import.message, prospect._edge_text(statements)))) or False,
            }
            savepoint.rollback()
        return offers, values

    def _create_prospect(self):
        """A contract by month with one usage line. Its plan costs nothing and fits all: which calls the plans to compare
        leave out is found out by each of them.

        :return: contract.line
        """
        name = self.env._("Prospect")
        currency = self.plan_ids[:1].currency_id
        plan = self.env["call.rate.plan"].create(
            {
                "name": name,
                "company_id": self.company_id.id,
                "currency_id": currency.id,
                "rule_ids": [Command.create({"name": name, "kind": kind}) for kind in KINDS],
            }
        )
        recurrence = {"recurring_rule_type": "monthly", "recurring_interval": 1, "recurring_invoicing_type": "post-paid"}
        line = {"name": self.env._("Usage"), "product_id": self.product_id.id, "rate_plan_id": plan.id, "date_start": FIRST_DAY}
        contract = self.env["contract.contract"].create(
            {
                "name": name,
                "partner_id": self.env["res.partner"].create({"name": name, "lang": self.env.user.lang, "tz": self.tz}).id,
                "company_id": self.company_id.id,
                "manual_currency_id": currency.id,
                "usage_tz": self.tz,
                "line_recurrence": True,
                "date_start": FIRST_DAY,
                "contract_line_ids": [Command.create({**line, **recurrence})],
            }
        )
        return contract.contract_line_ids

    def _import_for(self, line):
        """Import the file for a contract line, from a copy of its source, so that nothing in it is known.

        :return: call.import
        """
        source = self.source_id.copy({"name": self.source_id.name, "user_id": False, "check_sequence": False})
        attachment = self.env["ir.attachment"].search(
            [("res_model", "=", self._name), ("res_field", "=", "file"), ("res_id", "=", self.id)], limit=1
        )
        Import = self.env["call.import"].with_context(call_guided_to=line, call_record_limit=MAX_RECORDS)
        with tempfile.TemporaryDirectory() as workdir:
            path = attachment._content_path(workdir)
            call_import = Import._create_from_path(source, path, self.file_name or self.name, "upload")
            call_import._import()
        if call_import.state != "done":
            raise UserError(call_import.message)
        return call_import

    def _edge_text(self, statements):
        """Periods with so few calls that their fees are not worth comparing: most files hold one month, in some time zone."""
        most = max(statements.mapped("usage_count"))
        edges = statements.filtered(lambda statement: statement.usage_count < EDGE * most)
        return "\n".join(
            self.env._(
                "Only %(count)s calls fall into %(period)s, which counts with all its fees. Leave them out of the file, or check the "
                "time zones of source and client.",
                count=statement.usage_count,
                period=statement._period_text(),
            )
            for statement in edges
        )

    def _unusable_text(self, call_import):
        """Why records could not be used, with the first lines of each reason."""
        groups = self.env["call.suspense"]._read_group(
            [("import_id", "=", call_import.id)], ["reason"], ["__count", "line_number:array_agg"], order="__count desc"
        )
        labels = dict(self.env["call.suspense"]._fields["reason"]._description_selection(self.env))
        texts = []
        for reason, count, places in groups:
            numbers = ", ".join(map(str, sorted(places)[:EXAMPLES])) + (", ..." if count > EXAMPLES else "")
            texts.append(
                self.env._("%(count)s x %(reason)s (line %(lines)s)", count=f"{count:,}", reason=labels[reason], lines=numbers)
            )
        if call_import.duplicate_count:
            texts.append(self.env._("%s x Twice in the file", f"{call_import.duplicate_count:,}"))
        if call_import.ignored_count:
            texts.append(self.env._("%s x Not to be counted, as the phone system says", f"{call_import.ignored_count:,}"))
        return "\n".join(texts) or False


class CallLoading(models.AbstractModel):
    _inherit = "call.loading"  # pylint: disable=consider-merging-classes-inherited

    def _guide(self, source):
        """All records to one contract line, where the context names it. Only a record does: no remote call can hand it over."""
        line = self.env.context.get("call_guided_to")
        if not isinstance(line, models.BaseModel):
            return super()._guide(source)
        return self.env["call.pricing"]._create_guided(
            SQL("%s", line.id),
            SQL("(s.start_at AT TIME ZONE 'UTC' AT TIME ZONE %s)::date", line.contract_id.usage_tz),
            SQL("call_stage s WHERE s.outcome IS NULL"),
        )


class CallImport(models.Model):
    _inherit = "call.import"  # pylint: disable=consider-merging-classes-inherited

    def _load_part(self, part, commit, table=None):
        """:raise UserError: more records than the context allows"""
        result = super()._load_part(part, commit, table)
        limit = self.env.context.get("call_record_limit")
        if limit and self.read_count > limit:
            raise UserError(
                self.env._(
                    "This file has more than %s records. Simulate part of it, such as the calls of one month or one number.",
                    f"{limit:,}",
                )
            )
        return result
