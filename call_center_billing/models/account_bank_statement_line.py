"""Bank lines find the invoices that they pay."""

from collections import defaultdict
from typing import NamedTuple

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import SQL, html2plaintext
from odoo.tools.misc import split_every

from ..banking import allocation, references

BATCH = 300
LEFT = [
    ("none", "No reference, and no single invoice of the client with this amount"),
    ("ambiguous", "Several invoices of the client have this amount"),
    ("check_digits", "The check digits of the reference are wrong"),
    ("client", "The reference is of another client's invoice"),
    ("currency", "The invoice is in another currency"),
    ("paid", "The invoice is paid already"),
    ("refused", "Odoo refuses the reconciliation"),
]
OPEN = Domain("parent_state", "=", "posted") & Domain("reconciled", "=", False) & Domain("amount_residual_currency", ">", 0)
COMING = Domain("account_type", "=", "asset_current") & Domain("account_id.reconcile", "=", True) & OPEN
COMING &= Domain("move_id.origin_payment_id.partner_type", "=", "customer")
TRIED_AGAIN = [reason for reason, _text in LEFT]


class Found(NamedTuple):
    """What a bank line pays, or why that is not known."""

    items: list = ()
    reason: str = "none"
    discount: bool = False


class AccountBankStatementLine(models.Model):
    """Money that came in is matched with open customer invoices: on the reference of an invoice as a whole, anywhere in what the bank
    tells, those with check digits first; without one, on client and exact amount, where only one invoice fits. A payment that was
    registered already, a check or a payment online, is matched with its arrival at the bank, by its own number or that of its invoice.

    Whatever is matched is an ordinary reconciliation of Odoo, undone by its *Undo*. What is undone by hand is not matched again by itself;
    what is left tells why. A line is locked while it is matched, so two jobs share the work, and a second run finds nothing to do.
    """

    _inherit = "account.bank.statement.line"

    call_match = fields.Selection(
        [("waiting", "Waiting to be matched"), *LEFT, ("undone", "Undone by hand"), ("matched", "Matched")],
        string="Matching",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="What became of the search for the invoices that this line pays.",
    )
    call_match_day = fields.Date(string="Last Tried", readonly=True, copy=False)

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        waiting = lines.filtered(lambda line: line.amount > 0 and line.company_id.call_match_payments and not line.is_reconciled)
        if waiting:
            waiting.call_match = "waiting"
            self.env.ref("call_center_billing.call_match_cron").sudo()._trigger()
        return lines

    def action_undo_reconciliation(self):
        res = super().action_undo_reconciliation()
        if self:
            self.call_match = "undone"
        return res

    def action_match_payments(self):
        """Match these lines now, also those that were undone.

        :return: a message with the outcome
        """
        self.check_access("write")
        todo = self._unmatched()
        matched = self.browse()
        for batch in split_every(BATCH, todo.ids, self.browse):
            matched |= batch._match_payments()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if matched else "warning",
                "message": self.env._("%(matched)s of %(all)s bank lines were matched.", matched=len(matched), all=len(todo)),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # --- In the background ------------------------------------------------------------------------------

    @api.model
    def _cron_match_payments(self):
        """Match what waits, and once a day what was left, in committed batches."""
        today = fields.Date.today()
        again = Domain("call_match", "in", TRIED_AGAIN) & Domain("call_match_day", "<", today)
        again &= Domain("company_id.call_match_payments", "=", True)
        domain = Domain("is_reconciled", "=", False) & (Domain("call_match", "=", "waiting") | again)
        ids = self.search(domain, order="id").ids
        self.env["ir.cron"]._commit_progress(remaining=len(ids))
        for batch in split_every(BATCH, ids, self.browse):
            try:
                batch.exists()._match_payments()
            except psycopg2.OperationalError:  # somebody pays the same invoices: the next run does it
                self.env.cr.rollback()
            if not self.env["ir.cron"]._commit_progress(len(batch)):
                return

    # --- Matching ---------------------------------------------------------------------------------------

    def _unmatched(self):
        return self.filtered(lambda line: not line.is_reconciled and line.amount > 0 and line.state == "posted")

    def _match_payments(self):
        """
        :return: the lines that were matched
        """
        todo = self._unmatched().try_lock_for_update().sorted(lambda line: (line.date, line.id))
        found = todo._find_paid()
        matched = todo.filtered(lambda line: found[line].items)
        try:
            with self.env.cr.savepoint():
                matched._reconcile_with(found)
        except UserError:
            matched = todo._reconcile_one_by_one(found)
        for line in todo - matched:
            line.call_match = "refused" if found[line].items else found[line].reason
        todo.call_match_day = fields.Date.today()
        matched.call_match = "matched"
        return matched

    def _reconcile_one_by_one(self, found):
        done = self.browse()
        for line in self.filtered(lambda line: found[line].items):
            try:
                with self.env.cr.savepoint():
                    line._reconcile_with(found)
                    done |= line
            except UserError:
                continue
        return done

    def _reconcile_with(self, found):
        """Turn the suspense lines into receivables of the clients, and reconcile all in one plan of Odoo."""
        plan = []
        for line in self:
            items = [item.key for item in found[line].items]
            counterpart = line._to_receivable(items[0], found[line].discount)
            plan += [counterpart | item for item in items]
        self.env["account.move.line"]._reconcile_plan(plan)

    def _to_receivable(self, item, discount):
        """Make the suspense line of this bank line a receivable of the client.

        :param item: the open line of the invoice
        :param discount: whether it is paid less the early payment discount, which then becomes lines of its own
        :return: the line
        """
        self.ensure_one()
        line = self.with_context(skip_account_move_synchronization=True, skip_readonly_check=True, skip_invoice_sync=True)
        liquidity, suspense, _others = line._seek_for_lines()
        values = {"account_id": item.account_id.id, "partner_id": item.partner_id.id}
        if not self.partner_id:
            line.partner_id = liquidity.partner_id = item.partner_id
        if not discount:
            suspense.write(values)
            return suspense.with_env(self.env)
        open_balance = suspense.balance + item.balance
        reversed_item = {"aml": item, "amount_currency": -item.amount_residual_currency, "balance": -item.balance}
        extra = item.move_id._get_invoice_counterpart_amls_for_early_payment_discount([reversed_item], open_balance)
        values |= {"amount_currency": -item.amount_residual_currency, "balance": -item.balance}
        commands = [Command.update(suspense.id, values)]
        commands += [Command.create(vals | {"partner_id": item.partner_id.id}) for each in extra.values() for vals in each]
        line.move_id.write({"line_ids": commands})
        return suspense.with_env(self.env)

    # --- What a line pays -------------------------------------------------------------------------------

    def _match_texts(self):
        """
        :return: what the bank tells of the payment; and notes about it, which of a collective entry may be those of its neighbours
        """
        return "\n".join(filter(None, (self.payment_ref, self.ref))), html2plaintext(self.narration or "")

    def _match_currency(self):
        return self.foreign_currency_id or self.currency_id

    def _find_paid(self):
        """What each of these lines pays. Lines are served in their order: what the first pays is not open any more for the second.

        :return: dict of bank line -> ``Found``
        """
        texts = {line: line._match_texts() for line in self}
        keys = {line: [references.references(text) for text in each] for line, each in texts.items()}
        invoices_of = self._invoices_with({key for both in keys.values() for each in both for key in each})
        clients = self._clients()
        named = {line: line._named(*keys[line], invoices_of) for line in self}
        invoices = self.env["account.move"].union(*(invoice for each in named.values() for invoice, _checked in each))
        open_of = self._open_items(invoices, {client.id for line, client in clients.items() if client and not named[line]})
        coming = self._coming_items(invoices)
        left = {item: item.amount_residual_currency for of in (open_of, coming) for items in of.values() for item in items}
        found = {}
        for line in self:
            if named[line]:
                found[line] = line._pays_named(named[line], clients[line], open_of, coming, left)
            elif references.has_wrong_check_digits(texts[line][0]):
                found[line] = Found(reason="check_digits")
            else:
                found[line] = line._pays_client(clients[line], open_of, left)
            line._take(found[line], left)
        return found

    def _take(self, found, left):
        """Reduce what is open by what this line pays."""
        amount = abs(self.amount_currency if self.foreign_currency_id else self.amount)
        for item in found.items:
            paid = left[item.key] if found.discount else min(amount, left[item.key])
            left[item.key] -= paid
            amount -= paid

    def _named(self, keys, keys_of_notes, invoices_of):
        """
        :return: list of (invoice, strength of its reference): those with check digits first, then as in the text. 0: only digits, or only
            in the notes
        """
        found = {}
        for key in keys:
            for invoice in invoices_of.get(key, ()):
                strength = 2 if references.is_checked(key) else 0 if key.isdigit() else 1
                found[invoice] = max(strength, found.get(invoice, 0))
        if not found:
            found = {invoice: 0 for key in keys_of_notes for invoice in invoices_of.get(key, ())}
        mine = [pair for pair in found.items() if self.company_id in pair[0].company_id.parent_ids]
        return sorted(mine, key=lambda pair: -pair[1])

    def _pays_named(self, named, client, open_of, coming, left):
        """
        :param named: invoices and payments whose reference the line has, with its strength; one of strength 0 counts only for the
            right client or amount
        """
        amount = self._match_cents(self.amount_currency if self.foreign_currency_id else self.amount)
        sure = [
            invoice
            for invoice, strength in named
            if strength
            or client == invoice.commercial_partner_id
            or amount == self._open_cents(open_of[invoice] or coming[invoice], left)
        ]
        if not sure:
            return Found()
        payers = {invoice.commercial_partner_id for invoice in sure} | ({client} if client else set())
        if len(payers) > 1:
            return Found(reason="client")
        mine = [invoice for invoice in sure if invoice.currency_id == self._match_currency()]
        if not mine:
            return Found(reason="currency")
        arrived = self._items([item for invoice in mine for item in coming[invoice]], left)
        arrived = [item for item in arrived if item.amount == amount]
        if arrived:
            return Found(arrived[:1])
        items = self._items([item for invoice in mine for item in open_of[invoice]], left)
        if not items:
            return Found(reason="paid")
        if len(items) == 1 and amount == self._discounted(items[0].key, left):
            return Found(items, discount=True)
        return Found(allocation.pay_in_order(items, amount))

    def _pays_client(self, client, open_of, left):
        """Without a reference: the client's only invoice, or all of them, with exactly this amount."""
        currency = self._match_currency()
        items = [
            item
            for item in open_of.get(client, ())
            if item.currency_id == currency and self.company_id in item.company_id.parent_ids
        ]
        amount = self._match_cents(self.amount_currency if self.foreign_currency_id else self.amount)
        accounts = {item.account_id: None for item in items}
        fits = [
            allocation.pay_exactly(self._items([item for item in items if item.account_id == account], left), amount)
            for account in accounts
        ]
        fits = [each for each in fits if each != []]
        if None in fits or len(fits) > 1:
            return Found(reason="ambiguous")
        return Found(fits[0]) if fits else Found()

    def _items(self, lines, left):
        """What is open of these lines of invoices, with the same receivable account: a bank line has one counterpart."""
        items = [allocation.Item(line, line.move_id, self._match_cents(left[line])) for line in lines]
        items = [item for item in items if item.amount > 0]
        return [item for item in items if item.key.account_id == items[0].key.account_id]

    def _open_cents(self, lines, left):
        return sum(self._match_cents(left[line]) for line in lines)

    def _match_cents(self, amount):
        return round(amount / self._match_currency().rounding)

    def _discounted(self, item, left):
        """What pays this line of an invoice on the day of the bank line with its early payment discount, in cents."""
        invoice = item.move_id
        if not invoice._is_eligible_for_early_payment_discount(self._match_currency(), self.date):
            return None
        return self._match_cents(item.discount_amount_currency) if left[item] == item.amount_residual_currency else None

    # --- One query each for all lines ---------------------------------------------------------------------

    def _invoices_with(self, keys):
        """Posted customer invoices whose number or payment reference, without signs and spaces, is one of the keys; and entries of
        payments of clients whose number or memo is.

        :return: dict of key -> invoices and entries, those that are due first before others
        """
        Move = self.env["account.move"]
        Move.flush_model(["name", "payment_reference", "state", "move_type", "company_id"])
        self.env["account.payment"].flush_model(["name", "memo", "payment_type", "partner_type", "move_id"])
        plain = "upper(regexp_replace(coalesce({}, ''), '[^[:alnum:]]', '', 'g'))"
        rows = keys and self.env.execute_query(
            SQL(
                """
                SELECT move.id, reference.key
                  FROM account_move AS move
                  LEFT JOIN account_payment AS payment
                    ON payment.id = move.origin_payment_id
                   AND payment.payment_type = 'inbound'
                   AND payment.partner_type = 'customer'
                 CROSS JOIN LATERAL (VALUES (%(name)s), (%(payment_reference)s), (%(payment_name)s), (%(memo)s)) AS reference (key)
                 WHERE (move.move_type = 'out_invoice' OR payment.id IS NOT NULL)
                   AND move.state = 'posted'
                   AND reference.key = ANY(%(keys)s)
                   AND move.company_id = ANY(%(companies)s)
                 ORDER BY move.invoice_date_due, move.id
                """,
                name=SQL(plain.format("move.name")),
                payment_reference=SQL(plain.format("move.payment_reference")),
                payment_name=SQL(plain.format("payment.name")),
                memo=SQL(plain.format("payment.memo")),
                keys=list(keys),
                companies=self.env["res.company"].sudo().search([("id", "child_of", self.company_id.ids)]).ids,
            )
        )
        found = defaultdict(Move.browse)
        for move_id, key in rows or ():
            found[key] |= Move.browse(move_id)
        return found

    def _clients(self):
        """
        :return: dict of bank line -> client that paid, by the line itself or the bank account that the money came from
        """
        numbers = {line: references.plain(line.account_number) for line in self if not line.partner_id and line.account_number}
        accounts = defaultdict(self.env["res.partner"].browse)
        domain = [("sanitized_acc_number", "in", list(set(numbers.values()))), ("partner_id.active", "=", True)]
        for account in self.env["res.partner.bank"].sudo().search(domain) if numbers else ():
            accounts[account.sanitized_acc_number] |= account.partner_id.commercial_partner_id
        clients = {}
        for line in self:
            partner = line.partner_id.commercial_partner_id or accounts[numbers.get(line)]
            clients[line] = partner.sudo(False) if len(partner) == 1 else self.env["res.partner"]
        return clients

    def _open_items(self, invoices, clients):
        """Open receivable lines, in the order in which they are due; of clients also payments that have not arrived.

        :param invoices: named ones
        :param clients: ids of clients of whom all are wanted
        :return: dict of invoice and client -> list of lines
        """
        receivable = Domain("move_type", "=", "out_invoice") & Domain("account_type", "=", "asset_receivable") & OPEN
        of_clients = Domain("partner_id", "in", list(clients))
        domain = receivable & (Domain("move_id", "in", invoices.ids) | of_clients) | of_clients & COMING
        open_of = defaultdict(list)
        for item in self.env["account.move.line"].search(domain, order="date_maturity, id"):
            if item.account_type == "asset_receivable":
                open_of[item.move_id].append(item)
            if item.partner_id.id in clients:
                open_of[item.partner_id].append(item)
        return open_of

    def _coming_items(self, invoices):
        """Open lines of payments that were registered and have not arrived at the bank.

        :param invoices: named invoices, or entries of payments
        :return: dict of invoice or entry -> list of lines
        """
        entries = {invoice: invoice.line_ids.matched_credit_ids.credit_move_id.move_id | invoice for invoice in invoices}
        domain = Domain("move_id", "in", invoices.union(*entries.values()).ids) & COMING
        lines = self.env["account.move.line"].search(domain, order="id").grouped("move_id")
        return defaultdict(
            list, {invoice: [line for entry in mine for line in lines.get(entry, ())] for invoice, mine in entries.items()}
        )
