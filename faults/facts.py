"""What has to be the same with and without faults: rows, sums, invoices, mails, documents; and what holds by itself."""

import re

FACTS = {
    "imports": """
        SELECT s.name, sum(read_count), sum(accepted_count), sum(suspended_count), sum(ignored_count), sum(read_seconds),
               sum(accepted_seconds), sum(updated_count), sum(duplicate_count)
          FROM call_import i JOIN call_source s ON s.id = i.source_id WHERE i.state = 'done' GROUP BY s.name""",
    "imports that wait or failed": "SELECT name, state FROM call_import WHERE state IN ('waiting', 'running', 'failed')",
    "calls": """
        SELECT CASE WHEN s.billed_again_id IS NULL THEN u.record_key END, u.line_number, l.name, c.name, s.date_start, s.state, u.status, u.not_billable_reason, u.date, u.quantity,
               u.counted_seconds, u.billed_seconds, u.amount, r.name, p.time_price, p.call_price
          FROM call_usage_line u JOIN contract_line l ON l.id = u.contract_line_id JOIN call_statement s ON s.id = u.statement_id
          JOIN contract_contract c ON c.id = s.contract_id JOIN call_rate_rule r ON r.id = u.rule_id JOIN call_price p ON p.id = u.price_id""",
    "suspense": "SELECT line_number, reason, state, account_code, raw FROM call_suspense",
    "statements": """
        SELECT c.name, s.date_start, s.date_end, s.state, s.usage_count, s.billable_count, s.total_seconds, s.usage_amount,
               s.billed_again_id IS NULL, m.name
          FROM call_statement s JOIN contract_contract c ON c.id = s.contract_id LEFT JOIN account_move m ON m.id = s.invoice_id""",
    "charges": """
        SELECT c.name, s.state, h.name, h.component, h.quantity, h.unit_price, h.amount, h.call_count
          FROM call_charge h JOIN call_statement s ON s.id = h.statement_id JOIN contract_contract c ON c.id = s.contract_id""",
    "contracts": """
        SELECT c.name, l.name, l.last_date_invoiced, l.recurring_next_date, c.invoice_generation_error IS NULL
          FROM contract_line l JOIN contract_contract c ON c.id = l.contract_id WHERE c.name LIKE 'Contract _'""",
    "invoices": """
        SELECT m.name, m.move_type, m.state, p.name, m.amount_total, m.amount_residual, m.payment_state, m.is_move_sent,
               m.sending_data IS NULL, m.payment_reference
          FROM account_move m JOIN res_partner p ON p.id = m.partner_id WHERE p.name LIKE 'Client _'""",
    "invoice lines": """
        SELECT m.name, l.name, l.quantity, l.price_unit, l.price_subtotal, l.balance, h.name
          FROM account_move_line l JOIN account_move m ON m.id = l.move_id JOIN res_partner p ON p.id = m.partner_id
          LEFT JOIN call_charge h ON h.id = l.call_charge_id WHERE p.name LIKE 'Client _'""",
    "disputes": "SELECT state, outcome, response FROM call_dispute",
    "adjustments": "SELECT state, before, after, amount, reason FROM call_adjustment",
    "payments": "SELECT p.state, p.amount, c.name FROM account_payment p JOIN res_partner c ON c.id = p.partner_id WHERE c.name LIKE 'Client _'",
    "transactions": "SELECT state, amount, operation, is_post_processed FROM payment_transaction",
    "payment notices": 'SELECT state, amount, "left" FROM call_payment_notice',
    "mails": """
        SELECT m.subject, m.model, p.email, n.notification_type FROM mail_notification n JOIN mail_message m ON m.id = n.mail_message_id
          JOIN res_partner p ON p.id = n.res_partner_id WHERE p.name LIKE 'Client _'""",
    "mail queue": """
        SELECT q.state, m.subject, (SELECT count(*) FROM mail_mail_res_partner_rel r WHERE r.mail_mail_id = q.id)
          FROM mail_mail q JOIN mail_message m ON m.id = q.mail_message_id WHERE q.state <> 'sent'""",
    "documents": """
        SELECT m.name, a.name, a.file_size FROM ir_attachment a JOIN account_move m ON m.id = a.res_id AND a.res_model = 'account.move'
          JOIN res_partner p ON p.id = m.partner_id WHERE p.name LIKE 'Client _'""",
    "activities": "SELECT res_model, summary FROM mail_activity",
    "counted hours": "SELECT s.name, sum(h.call_count) FROM call_source_hour h JOIN call_source s ON s.id = h.source_id GROUP BY s.name",
    "pushed": "SELECT checksum, import_id IS NULL FROM call_push",
    "archives": """
        SELECT c.name, a.state, a.call_count, a.seconds, a.billed_seconds, a.amount, a.first_at, a.last_at, a.restore_reason,
               (SELECT sum(t.call_count) FROM call_archive_total t WHERE t.archive_id = a.id),
               EXISTS (SELECT FROM ir_attachment f WHERE f.res_model = 'call.archive' AND f.res_id = a.id)
          FROM call_archive a JOIN call_statement s ON s.id = a.statement_id JOIN contract_contract c ON c.id = s.contract_id""",
    "keys of archived calls": "SELECT record_key FROM call_archive_key",
    "pulled": "SELECT name, pull_position, pull_last_id, pull_message, pull_failures FROM call_source WHERE pull_enabled",
}
ALWAYS = {
    "control totals": """
        SELECT i.id FROM call_import i WHERE i.state = 'done' AND (
               i.read_count <> i.accepted_count + i.duplicate_count + i.suspended_count + i.ignored_count
            OR i.accepted_count + i.suspended_count <>
                  (SELECT count(*) FROM call_usage_line u JOIN call_statement s ON s.id = u.statement_id
                    WHERE u.import_id = i.id AND s.billed_again_id IS NULL AND u.quantity >= 0)
                + (SELECT coalesce(sum(t.call_count), 0) FROM call_archive_total t WHERE t.import_id = i.id AND NOT t.is_offset)
                + (SELECT count(*) FROM call_suspense x WHERE x.import_id = i.id AND x.state <> 'recycled'))""",
    "calls counted twice": """
        SELECT coalesce(u.record_ref, u.start_at::text) FROM call_usage_line u JOIN call_statement s ON s.id = u.statement_id JOIN call_import i ON i.id = u.import_id
         WHERE s.billed_again_id IS NULL AND u.quantity > 0 GROUP BY 1, i.source_id HAVING count(*) > 1""",
    "lines that are not the sum of their charge": """
        SELECT l.id FROM account_move_line l JOIN call_charge h ON h.id = l.call_charge_id JOIN account_move m ON m.id = l.move_id
         WHERE round(h.amount, 2) <> round(l.price_subtotal, 2) AND m.move_type = 'out_invoice'""",
    "charges that are not on one invoice line": """
        SELECT h.id FROM call_charge h JOIN call_statement s ON s.id = h.statement_id LEFT JOIN account_move_line l ON l.call_charge_id = h.id
           AND l.move_id = s.invoice_id WHERE s.state IN ('invoiced', 'settled') GROUP BY h.id HAVING count(l.id) <> 1""",
}
"""What must find nothing."""


DISPUTE = re.compile(r"\bD/[0-9]{4}/[0-9]+")
"""Numbers of disputes have gaps: what was rolled back does not give its number back."""
STAFF = "admin@example.com"
MAY_BE_MORE = {"activities", "mails to staff"}
"""People are told of a fault that lasts."""


def rows(cr, query):
    cr.execute(query)
    return sorted(tuple(DISPUTE.sub("D/", str(value)) for value in row) for row in cr.fetchall())


def gather(cluster, database, mailbox):
    with cluster.connection(database) as cr:
        found = {name: rows(cr, query) for name, query in FACTS.items()}
        found["broken"] = [(name, *row) for name, query in ALWAYS.items() for row in rows(cr, query)]
        store = cluster.files / "filestore" / database
        cr.execute("SELECT store_fname, max(file_size) FROM ir_attachment WHERE store_fname IS NOT NULL GROUP BY 1")
        found["lost files"] = [
            (name,) for name, size in cr.fetchall() if not (store / name).exists() or (store / name).stat().st_size != size
        ]
    sent = mailbox.read_text().splitlines() if mailbox.exists() else []
    people = sorted((line.split("\t")[1],) for line in set(sent))  # twice with one identity is one mail
    found["sent mails"] = [person for person in people if person != (STAFF,)]
    found["mails to staff"] = [person for person in people if person == (STAFF,)]
    return found


def differences(expected, found):
    """What is there but should not be, and the other way round, in words."""
    texts = []
    for name in expected:
        for sign, one, other in (("+", found, expected), ("-", expected, found)):
            if sign == "+" and name in MAY_BE_MORE:
                continue
            left = list(one[name])
            for row in other[name]:
                if row in left:
                    left.remove(row)
            texts += [f"{sign} {name}: {' | '.join(row)}" for row in left[:5]]
    return texts
