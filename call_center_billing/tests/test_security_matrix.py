from contextlib import suppress

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command, Domain
from odoo.models import MAGIC_COLUMNS
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from .common import TODAY
from .figures import TRIED
from .security_case import SecurityCase, is_ours

RIGHTS = """
model                          client sales accountant manager
account.bank.statement.line    -      -     crud       crud
account.move                   own    -     crud       crud
account.move.line              own    -     crud       crud
account.payment                -      -     crud       crud
call.access                    -      -     -          r
call.adjustment                -      r     rud        rud
call.adjustment.line           -      r     r          r
call.agreement                 own    crud  crud       crud
call.agreement.change          -      crud  crud       crud
call.agreement.compare         -      crud  crud       crud
call.allowance.alert           -      r     r          r
call.billing.health            -      -     r          r
call.billing.run               -      -     crud       crud
call.billing.run.line          -      -     r          r
call.charge                    own    r     r          r
call.client.account            -      -     r          r
call.contract.copy             -      crud  crud       crud
call.contract.end              -      crud  crud       crud
call.contract.suspend          -      crud  crud       crud
call.correction                -      r     r          r
call.count                     -      r     r          r
call.count.due                 -      -     -          r
call.counter                   -      r     r          r
call.dispute                   own    ru    ru         ru
call.dispute.decide            -      -     crud       crud
call.dispute.decide.line       -      -     crud       crud
call.dispute.line              own    r     ru         ru
call.dispute.raise             -      crud  crud       crud
call.dispute.reason            -      r     r          crud
call.endpoint                  -      crud  crud       crud
call.erasure                   -      -     -          crud
call.erasure.line              -      -     -          r
call.feedback                  -      r     r          r
call.folder.file               -      r     r          r
call.gap.check                 -      crud  crud       crud
call.gap.check.line            -      crud  crud       crud
call.gate.override             -      -     crud       crud
call.import                    -      r     crud       crud
call.indexation                -      crud  crud       crud
call.job                       -      -     r          r
call.legal.hold                -      -     -          cru
call.lost.bill                 -      -     crud       crud
call.mapping                   -      r     r          crud
call.mapping.import            -      -     -          crud
call.mapping.line              -      r     r          crud
call.payment.bounce            -      -     crud       crud
call.payment.notice            -      -     ru         ru
call.payment.promise           -      -     cru        cru
call.performance.report        own    crud  crud       crud
call.price                     -      r     r          r
call.archive                   -      r     r          r
call.archive.preview           -      -     -          crud
call.archive.total             -      r     r          r
call.assurance                 -      -     crud       crud
call.assurance.line            -      -     crud       crud
call.margin                    -      r     r          r
call.price.edit                -      -     r          r
call.proof                     -      -     crud       crud
call.proof.line                -      -     crud       crud
call.proof.month               -      -     r          r
call.purge                     -      -     -          r
call.purge.line                -      -     -          r
call.push                      -      -     -          r
call.push.post                 -      -     -          r
call.rate.allowance            -      crud  crud       crud
call.rate.change               -      crud  crud       crud
call.rate.deck                 -      crud  crud       crud
call.rate.deck.import          -      crud  crud       crud
call.rate.deck.line            -      crud  crud       crud
call.rate.part                 -      crud  crud       crud
call.rate.plan                 -      crud  crud       crud
call.rate.premium              -      crud  crud       crud
call.rate.rule                 -      crud  crud       crud
call.rate.template             -      crud  crud       crud
call.rate.term                 -      crud  crud       crud
call.rate.tier                 -      crud  crud       crud
call.rate.trial                -      crud  crud       crud
call.raw.record                -      cr    cr         cr
call.rerate                    -      crud  crud       crud
call.rerate.line               -      crud  crud       crud
call.retention                 -      -     -          crud
call.reveal                    -      cru   cru        cru
call.service.result            own    r     r          r
call.simulation                -      crud  crud       crud
call.simulation.line           -      r     r          r
call.simulation.result         -      r     r          r
call.source                    -      r     r          crud
call.source.hour               -      r     r          r
call.start.step                -      -     -          r
call.statement                 own    r     r          r
call.suspense                  -      r     ru         ru
call.suspense.fix              -      -     crud       crud
call.suspense.write.off        -      -     crud       crud
call.upload                    -      -     crud       crud
call.usage.line                own    r     r          r
call.usage.stretch             own    r     r          r
contract.contract              own    cru   cru        crud
contract.line                  own    crud  crud       crud
contract.template              -      cru   cru        crud
contract.template.line         -      crud  crud       crud
credit.control.communication   -      -     cru        crud
credit.control.line            -      -     crud       crud
credit.control.policy          -      -     r          crud
credit.control.policy.level    -      -     r          crud
credit.control.run             -      -     crud       crud
"""
"""Who may do what, of its own company: c(reate) r(ead) u(pdate) d(elete). A client reads what is its own, and writes nothing at all;
nobody without a login does anything. A new model has to be written down here."""
ODOOS = """
    account.journal account.move.reversal account.move.send.batch.wizard account.move.send.wizard account.partial.reconcile
    account.payment.term contract.manually.create.invoice ir.actions.report ir.attachment mail.mail payment.token
    payment.transaction res.company res.config.settings res.partner res.users resource.calendar
"""
"""Models of others that get a field or a step more here, and keep the rights that they have."""
SHARED = {"call.dispute.reason", "call.start.step", "credit.control.policy", "credit.control.policy.level"}
"""What all companies have in common."""
EMPTY = {"call.feedback", "call.job"}
"""Views of what is not there: ratings, jobs of another add-on."""
CLIENT_FIELDS = {
    "account.move": """
        call_dispute_count call_dispute_ids call_dispute_state call_disputed_amount call_statement_count call_statement_ids
        call_usage call_usage_undecided
    """,
    "account.move.line": """
        call_charge_id call_period_end call_period_start
    """,
    "contract.contract": """
        agreement_count agreement_ids agreement_status allowance_alerts ask_feedback back_billing_days call_dispute_ids
        call_statement_count call_statement_ids contestation_days early_end_percent endpoint_ids generation_type has_usage
        invoice_sections invoice_together is_over last_day masked_digits notice_date notice_period notice_unit
        performance_report performance_report_count performance_schedule pool_allowances rate_plan_ids reminded_end
        reminder_date reminder_days renewal renewal_months repeat_days service_seconds short_abandon_seconds suspension
        suspension_date unbilled_amount usage_tz
    """,
    "contract.line": """
        alternative_plan_ids endpoint_count endpoint_ids is_prorated rate_plan_id
    """,
    "call.agreement": """
        before change_ids company_id contract_id currency_id date_from decline_reason document_hash document_id estimate
        file_hash has_message indexation_id kind largest_change location_ids name new_date_end note offered_at partner_id
        price_change_count price_change_ids scope_change_ids send_error signature signed_at signed_by signing_partner_id
        simulation_id state terms user_id valid_until without_signature
    """,
    "call.charge": """
        adjusted_line_id adjustment_id allowance_id amount call_count call_seconds company_id component contract_line_id
        currency_id date_end first_quantity first_seconds first_usage_id invoice_line_ids last_quantity last_seconds last_usage_id
        late_of_id name part partner_id price_id quantity rule_id seconds sequence share statement_id term_id tier unit
        unit_price
    """,
    "call.dispute": """
        adjustment_ids age comment company_id contract_id credited_amount currency_id deadline decided_at decided_by_id
        disputed_amount has_message invoice_id line_count line_ids name outcome partner_id raised_at raised_by_id reason_id
        response state statement_id user_id
    """,
    "call.dispute.line": """
        amount answer call_count charge_id company_id contract_id currency_id dispute_id dispute_state is_lump is_open kind
        number result seconds start_at subject trace usage_id
    """,
    "call.performance.report": """
        company_id contract_id date_end date_start document_id figures has_message kind partner_id preview sent_at
        statement_id
    """,
    "call.service.result": """
        abandoned abandoned_in_time amount answered answered_in_time base company_id contract_line_id currency_id
        earned_back_id earned_back_ids earned_back_in_id explanation handling_seconds indicator met name offered partner_id
        statement_id target target_text term_id value value_text wait_seconds
    """,
    "call.statement": """
        abandoned_count abandoned_in_time_count abandoned_short_count adjustment_ids alerted_count answered_count archive_text
        billable_count billed_again_id billed_seconds charge_amount charge_ids company_id contract_id counter_ids currency_id
        date_end date_start dispute_ids earlier_ids feedback_asked_at fees_html file_attachment_id handling_seconds
        has_message in_time_count invoice_id is_archived is_rated late_count not_billable_count not_billable_html not_billable_totals
        offered_count partner_id pdf_attachment_id performance_html performance_report_ids pool_lead_id
        review_until service_result_ids service_variant short_abandon_seconds state threshold_seconds total_seconds undecided
        usage_amount usage_count usage_line_ids user_id wait_seconds
    """,
    "call.usage.line": """
        account_code agent amount back_billed billed_seconds call_price called_shown caller_shown campaign charge_ids
        charged_amount company_id contract_id contract_line_id counted_seconds currency_id date direction disposition
        dispute_text hold_seconds import_id is_split ivr_seconds kind late_of_id line_number lost_amount masked_digits
        not_billable_reason partner_id price_id quality quantity queue queue_seconds replaces_id ring_seconds rule_id skill
        source_id start_at statement_id statement_state status stretch_ids talk_seconds time_price total_seconds trace
        transfer_seconds version_at whole_parts wrap_seconds
    """,
    "call.usage.stretch": """
        company_id number price_id seconds usage_id
    """,
}
"""What a client reads of its own records, fields of mixins left out. Costs, raw records, hidden digits, and what the staff writes for
itself are not in it. A new field is either written down here or gets ``groups``."""
EXAMPLES = {
    "char": "x", "text": "x", "html": "x", "integer": 1, "float": 1, "monetary": 1, "many2one_reference": 1, "boolean": False, "json": "{}",
    "date": "2026-10-05", "datetime": "2026-10-05 10:00:00", "binary": b"x",
}  # fmt: skip
"""Of a column that must have a value."""
MIXIN = ("message_", "rating_", "activity_", "access_", "website_", "create_", "write_")
LETTERS = {"c": "create", "r": "read", "u": "write", "d": "unlink"}
ROLES = ("sales", "accountant", "manager")
OUTSIDERS = ("public", "sibling", "stranger", "other")


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestSecurityMatrix(SecurityCase):
    """Every model x every role x every way to reach its records."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        _head, *rows = (line.split() for line in RIGHTS.strip().splitlines())
        cls.rights = {row[0]: row[1:] for row in rows if row[0] in cls.env}
        cls.make_more()
        for _time in range(2):  # some name another that is made after them
            for model in sorted(cls.rights.keys() - dict(cls.filled()).keys() - SHARED):
                if cls.env[model]._auto and not cls.env[model]._transient:
                    cls.make_row(model)

    @classmethod
    def make_row(cls, model):
        """A row of a model that nothing of the month brings by itself: it names what is the client's wherever it can."""
        ours = {
            "res.company": cls.env.company,
            "res.partner": cls.client,
            "res.currency": cls.env.company.currency_id,
            **cls.records,
        }
        row = {}
        for name, field in cls.env[model]._fields.items():
            if not field.store or not field.column_type or name in ("parent_id", *MAGIC_COLUMNS):
                continue
            if field.type == "many2one":
                record = ours.get(field.comodel_name) or (field.required and cls.first(field.comodel_name))
                row |= {name: record.id} if record else {}
            elif field.required:
                row[name] = field.get_values(cls.env)[0] if field.type == "selection" else EXAMPLES[field.type]
        columns, values = SQL(", ").join(map(SQL.identifier, row)), tuple(row.values())
        insert = SQL("INSERT INTO %s (%s) VALUES %s", SQL.identifier(cls.env[model]._table), columns, values)
        with suppress(IntegrityError), mute_logger("odoo.sql_db"), cls.env.cr.savepoint():
            cls.env.cr.execute(insert)

    @classmethod
    def first(cls, model):
        """The first record of a model, of the company where it has one."""
        domain = Domain("company_id", "=", cls.env.company.id) if "company_id" in cls.env[model]._fields else Domain.TRUE
        return cls.env[model].sudo().with_context(active_test=False).search(domain, limit=1)

    @classmethod
    def make_more(cls):
        """One of each of the models that the client's month does not bring by itself."""
        env, plan, rule = cls.env, cls.plan, cls.plan.rule_ids[:1]
        plan.allowance_ids = [Command.create({"name": "Included", "quantity": 3, "unit": "minute"})]
        plan.term_ids = [Command.create({"name": "In time", "kind": "service_level"})]
        env["call.rate.premium"].create({"plan_id": plan.id, "name": "Spanish", "skill": "es", "value": 1.5})
        env["call.rate.tier"].create({"rule_id": rule.id, "price": 0.5})
        deck = env["call.rate.deck"].create({"name": "Deck"})
        env["call.rate.deck.line"].create({"deck_id": deck.id, "destination": "Berlin", "prefix": "4930"})
        env["call.mapping"].create({"name": "Columns"})
        env["call.simulation"].create({"contract_id": cls.contract.id, "plan_ids": [Command.set(plan.ids)]})
        env["call.indexation"].create({"percent": 3, "contract_ids": [Command.set(cls.contract.ids)]})
        adjustment = env["call.adjustment"].sudo().create({"statement_id": cls.statement.id, "reason": "x"})
        line = {"adjustment_id": adjustment.id, "contract_line_id": cls.line.id, "before": 2, "after": 1}
        env["call.adjustment.line"].sudo().create(line)
        usage = cls.records["call.usage.line"]
        env["call.usage.stretch"].sudo().create({"usage_id": usage.id, "number": 1, "seconds": 61, "price_id": usage.price_id.id})
        run = env["call.billing.run"].create({"date": "2026-11-05", "invoice_date": "2026-11-05"})
        env["call.billing.run.line"].sudo().create({"run_id": run.id, "contract_id": cls.contract.id})
        amendment = env["call.agreement"].create({"contract_id": cls.contract.id, "kind": "amendment"})
        end = {"agreement_id": amendment.id, "kind": "line_end", "contract_line_id": cls.line.id}
        env["call.agreement.change"].create(end)
        if "call.payment.promise" in env:
            promise = {"partner_id": cls.client.id, "date": "2026-12-01", "invoice_ids": [Command.set(cls.move.ids)]}
            env["call.payment.promise"].create(promise)
        env["call.count"].sudo()._count_due()
        env.flush_all()

    def remote(self, role, model, method, *args, **kwargs):
        """What a remote call of somebody answers; None where it is refused. Nothing of it stays."""
        TRIED["remote calls on records, by each role"] += 1
        user = self.users[role]
        records = self.env[model].with_user(user).with_context(allowed_company_ids=user.company_ids.ids)
        with self.env.cr.savepoint() as savepoint:
            try:
                self.env.invalidate_all()
                return call_kw(records, method, list(args), kwargs)
            except (UserError, ValueError):  # ValueError: the records that are exported are not there
                return None
            except IntegrityError:  # nobody refused it before the database did
                return True
            finally:
                savepoint.rollback()
                self.env.invalidate_all(flush=False)

    def seen(self, role, model, ids):
        """Ways in which somebody gets something of these records."""
        domain = [("id", "in", ids)]
        ways = {
            "read": self.remote(role, model, "read", ids, ["id", "display_name"]),
            "search": self.remote(role, model, "search", domain),
            "search_read": self.remote(role, model, "search_read", domain, ["id"]),
            "search_count": self.remote(role, model, "search_count", domain),
            "name_search": self.remote(role, model, "name_search", "", domain),
            "read_group": sum(
                group["__count"] for group in self.remote(role, model, "formatted_read_group", domain, [], ["__count"]) or ()
            ),
            "export": (self.remote(role, model, "export_data", ids, ["display_name"]) or {}).get("datas"),
        }
        return {way for way, answer in ways.items() if answer}

    def done(self, role, model, ids):
        """Ways in which somebody changes something."""
        ways = {
            "write": self.remote(role, model, "write", ids, {"display_name": "x"}),
            "unlink": self.remote(role, model, "unlink", ids),
            "copy": self.remote(role, model, "copy", ids),
        }
        create = {"create"} if self.env[model].with_user(self.users[role]).has_access("create") and role != "other" else set()
        return {way for way, answer in ways.items() if answer is not None} | create

    @classmethod
    def filled(cls):
        """(model, ids): records of the client, or else of its provider, of every model that has some"""
        for model in cls.rights:
            if cls.env[model]._transient or model in SHARED:
                continue
            records = cls.records.get(model) or cls.first(model)
            if records:
                yield model, records.ids

    def test_every_model_is_decided_on(self):
        known = {*self.rights, *ODOOS.split()}
        self.assertEqual(set(self.own_models()) - known, set())
        self.assertGreaterEqual(len(self.rights), 75)
        TRIED["models, each with all roles"] += len(self.rights)
        TRIED["roles"] += len(self.users)

    def test_everybody_of_the_company_may_do_what_the_table_says(self):
        for model, (client, *staff) in self.rights.items():
            expected = dict(zip(("public", "client", *ROLES), ("-", "r" if client == "own" else "-", *staff), strict=True))
            for role, letters in expected.items():
                records = self.env[model].with_user(self.users[role])
                may = "".join(letter for letter, operation in LETTERS.items() if records.has_access(operation)) or "-"
                TRIED["rights of roles on models"] += len(LETTERS)
                with self.subTest(model=model, role=role):
                    self.assertEqual(may, letters)

    def test_outsiders_get_nothing_in_any_way(self):
        models = dict(self.filled())
        missing = {model for model in self.rights if not self.env[model]._transient} - models.keys() - SHARED
        self.assertLessEqual(missing, EMPTY)
        TRIED["models with a record that each role tries to reach in every way"] += len(models)
        for model, ids in models.items():
            for role in OUTSIDERS:
                with self.subTest(model=model, role=role):
                    self.assertEqual(self.seen(role, model, ids), set())

    def test_outsiders_change_nothing_in_any_way(self):
        for model, ids in self.filled():
            for role in OUTSIDERS:
                with self.subTest(model=model, role=role):
                    self.assertEqual(self.done(role, model, ids), set())

    def test_the_client_reads_its_own_and_changes_nothing(self):
        own = set()
        for model, ids in self.filled():
            with self.subTest(model):
                ways = self.seen("client", model, ids)
                self.assertEqual(bool(ways), self.rights[model][0] == "own" and bool(ids))
                self.assertEqual(self.done("client", model, ids), set())
                own |= {model} if ways else set()
        self.assertGreaterEqual(len(own), 11)

    @mute_logger("odoo.sql_db")
    def test_staff_read_and_change_what_the_table_says_in_any_way(self):
        for model, ids in self.filled():
            for role, letters in zip(ROLES, self.rights[model][1:], strict=True):
                with self.subTest(model=model, role=role):
                    self.assertEqual("read" in self.seen(role, model, ids), "r" in letters)
                    done = {{"write": "u", "unlink": "d"}.get(way, "c") for way in self.done(role, model, ids)}
                    self.assertLessEqual(done, set(letters))

    def test_outsiders_get_no_message_and_no_file(self):
        files = [{"name": "x", "raw": b"x", "res_model": model, "res_id": each.id} for model, each in self.records.items()]
        self.env["ir.attachment"].sudo().create(files)
        kinds = {"mail.message": ("model", "body"), "ir.attachment": ("res_model", "name")}
        found = {
            kind: self.env[kind].sudo().search([(model, "in", list(self.records))]) for kind, (model, _name) in kinds.items()
        }
        for kind, (_model, name) in kinds.items():
            self.assertTrue(found[kind])
            for role in OUTSIDERS:
                with self.subTest(kind=kind, role=role):
                    self.assertEqual(self.seen(role, kind, found[kind].ids), set())
                    self.assertIsNone(self.remote(role, kind, "write", found[kind].ids, {name: "x"}))

    def test_outsiders_write_no_message(self):
        for model, record in self.records.items():
            for role in OUTSIDERS if "message_ids" in record._fields else ():
                with self.subTest(model=model, role=role):
                    self.assertIsNone(self.remote(role, model, "message_post", record.ids, body="x"))

    def test_a_client_reads_the_fields_that_were_chosen(self):
        user = self.users["client"]
        for model in (model for model, row in self.rights.items() if row[0] == "own"):
            Model = self.env[model].with_user(user)
            ours = model.startswith("call.")
            names = {
                name for name in Model.fields_get() if (ours or self.is_our_field(model, name)) and not name.startswith(MIXIN)
            } - {"id", "display_name", "has_message"}
            with self.subTest(model):
                self.assertEqual(names - set(CLIENT_FIELDS.get(model, "").split()), set())

    def is_our_field(self, model, name):
        return any(name in vars(each) for each in type(self.env[model]).__mro__ if is_ours(each))

    def test_no_client_reads_what_is_kept_from_it(self):
        hidden = {
            "call.usage.line": ["caller", "called", "provider_cost", "record_ref"],
            "call.statement": ["gate_override_reason"],
            "contract.contract": ["suspension_reason", "end_reason"],
        }
        for model, names in hidden.items():
            for name in names:
                if name not in self.env[model]._fields:
                    continue
                with self.subTest(model=model, field=name):
                    self.assertIsNone(self.remote("client", model, "read", self.records[model].ids, [name]))
                    self.assertIsNone(self.remote("client", model, "search", [(name, "!=", False)]))

    def test_secrets_of_sources_are_read_by_no_manager(self):
        for name in ("push_secret_hash", "pull_password", "pull_host"):
            with self.subTest(name), self.assertRaises(AccessError):
                self.source.with_user(self.users["manager"]).read([name])
