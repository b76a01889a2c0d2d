from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_date
from odoo.tools.misc import formatLang

from .call_proof_month import ACTIVITY
from .call_statement_document import on_disk


class CallStatement(models.Model):
    """A statement whose calls are archived keeps everything that was counted and charged, and the documents that were made. What needs
    the calls themselves, such as a dispute, rating or billing it again, is refused until they are brought back."""

    _inherit = "call.statement"  # pylint: disable=consider-merging-classes-inherited

    archive_id = fields.Many2one(
        "call.archive",
        string="Archived Calls",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        groups="call_center_billing.group_sales",
        help="The file that has its calls now.",
    )
    is_archived = fields.Boolean(
        string="Archived",
        compute="_compute_is_archived",
        search="_search_is_archived",
        compute_sudo=True,
        help="Its calls are in a file.",
    )
    archive_text = fields.Char(compute="_compute_archive_text", compute_sudo=True)

    @api.depends("archive_id")
    def _compute_is_archived(self):
        for statement in self:
            statement.is_archived = bool(statement.archive_id)

    @api.depends("archive_id.at", "archive_id.call_count")
    @api.depends_context("lang", "tz")
    def _compute_archive_text(self):
        for statement in self:
            archive = statement.archive_id
            day = archive and format_date(self.env, fields.Datetime.context_timestamp(archive, archive.at))
            text = self.env._(
                "Archived on %(day)s: %(count)s calls.", day=day, count=formatLang(self.env, archive.call_count, digits=0)
            )
            statement.archive_text = archive and text

    @api.model
    def _search_is_archived(self, operator, value):
        if operator != "in":
            return NotImplemented
        archived = fields.Domain("archive_id", "!=", False)
        return archived if True in value else ~archived

    def action_bring_calls_back(self):
        """Have the archived calls in the database again.

        :raise AccessError: the user is no billing accountant
        """
        self.check_access("read")
        self.env["call.archive"]._check_accountant()
        self.sudo().archive_id._bring_back(self.env._("by %s", self.env.user.name))

    def action_download_archive(self):
        self.ensure_one()
        return self.archive_id.action_download()

    def _check_calls_here(self):
        """:raise UserError: calls are archived"""
        for statement in self.sudo():
            if statement.archive_id:
                raise UserError(
                    self.env._("The calls of %s are archived: bring them back first, on the statement.", statement.display_name)
                )

    def _tell_not_archived(self, why):
        """Once, until somebody has ticked it off."""
        summary = self.env._("Its calls could not be archived")
        if summary not in self.activity_ids.mapped("summary"):
            user = self.env["call.proof.month"]._responsible(self.company_id)
            self.activity_schedule(ACTIVITY, summary=summary, note=why, user_id=user.id)

    # --- What needs the calls -------------------------------------------------------------------------------

    def _set_state(self, state):
        if state == "open":
            self._check_calls_here()
        return super()._set_state(state)

    def _recount(self):
        self._check_calls_here()
        return super()._recount()

    def _check_disputing(self, partner, override):
        self._check_calls_here()
        return super()._check_disputing(partner, override)

    def _can_be_disputed(self):
        return not self.is_archived and super()._can_be_disputed()

    def action_view_calls(self):
        self._check_calls_here()
        return super().action_view_calls()

    def action_view_not_billable(self):
        self._check_calls_here()
        return super().action_view_not_billable()

    # --- Documents: those that were made ----------------------------------------------------------------------

    def _document_kinds(self):
        """Kinds of documents that there are: of archived calls those that were made before."""
        if not self.is_archived:
            return {"pdf", "csv", "xlsx"}
        statement = self.sudo()
        return {document.name.rpartition(".")[2] for document in statement.pdf_attachment_id | statement.file_attachment_id}

    def _made(self, kind):
        """:return: ir.attachment
        :raise UserError: there is none of this kind"""
        for document in self.pdf_attachment_id | self.file_attachment_id:
            if document.name.endswith(f".{kind}"):
                return document
        self._check_calls_here()

    def _pdf(self):
        return self._made("pdf").raw if self.is_archived else super()._pdf()

    def _written(self, kind):
        if not self.is_archived:
            return super()._written(kind)
        document = self._made(kind)
        return on_disk(lambda stream: stream.write(document.raw))

    def _ensure_documents(self):
        archived = self.filtered("is_archived")
        attachments = super(CallStatement, self - archived)._ensure_documents()
        return attachments.union(*(statement._documents() for statement in archived))

    def _first_calls(self):
        self._check_calls_here()
        return super()._first_calls()

    def _usage_groups(self, column, condition):
        if not self.is_archived or column != "date":
            return super()._usage_groups(column, condition)
        return self.env.execute_query(
            SQL(
                "SELECT date, sum(call_count)::bigint FROM call_archive_total WHERE statement_id = %s AND %s GROUP BY 1",
                self.id,
                SQL(condition),
            )
        )


class CallCharge(models.Model):
    _inherit = "call.charge"  # pylint: disable=consider-merging-classes-inherited

    def action_view_calls(self):
        self.statement_id._check_calls_here()
        return super().action_view_calls()


class CallImport(models.Model):
    _inherit = "call.import"  # pylint: disable=consider-merging-classes-inherited

    def _undo(self):
        archived = self.env["call.archive.total"].sudo().search([("import_id", "=", self.id)], limit=1)
        archived.statement_id._check_calls_here()
        return super()._undo()


class CallClosing(models.AbstractModel):
    _inherit = "call.closing"  # pylint: disable=consider-merging-classes-inherited

    def _prepare(self, lines, usage=None, plans=None):
        self.env["call.statement"].union(*lines)._check_calls_here()
        return super()._prepare(lines, usage=usage, plans=plans)


class CallOwnList(models.AbstractModel):
    _inherit = "call.own.list"  # pylint: disable=consider-merging-classes-inherited

    def _ours(self, statement):
        statement._check_calls_here()
        return super()._ours(statement)


class CallCountDue(models.Model):
    _inherit = "call.count.due"  # pylint: disable=consider-merging-classes-inherited

    def _add(self, rows):
        """What was counted of archived calls stays as it is."""
        return super()._add(
            SQL(
                "SELECT * FROM (%s) d WHERE NOT EXISTS ("
                "SELECT FROM call_archive a WHERE a.statement_id = d.statement_id AND a.state = 'archived')",
                rows,
            )
        )


class CallPurge(models.Model):
    _inherit = "call.purge"  # pylint: disable=consider-merging-classes-inherited

    def _due_statements(self, limit):
        """What is due is brought back; the next run of the job archives what is left of it."""
        due = super()._due_statements(limit)
        if self.state != "preview":
            statements = self.env["call.statement"].sudo().browse({row[0] for row in due})
            statements.archive_id._bring_back(self.env._("Personal data has to be removed"))
        return due

    def _sum(self, calls, held):
        """A preview leaves archived calls where they are, and counts them."""
        sums = super()._sum(calls, held)
        if self.state != "preview":
            return sums
        rows = self.env.execute_query(
            SQL(
                """
                SELECT t.statement_id, i.source_id, sum(t.call_count)::bigint, 0, sum(t.seconds)::bigint, sum(t.billed_seconds)::bigint,
                       sum(t.amount)
                  FROM call_archive_total t JOIN call_import i ON i.id = t.import_id
                 WHERE t.company_id = %s GROUP BY 1, 2
                """,
                self.company_id.id,
            )
        )
        return sums | {(statement, source): numbers for statement, source, *numbers in rows}
