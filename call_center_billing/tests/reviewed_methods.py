"""What of this add-on, and of the glue beside it, can be called remotely, as it was reviewed: data for ``test_public_methods``."""

METHODS = """
account.bank.statement.line.action_match_payments - checks write access
account.bank.statement.line.action_undo_reconciliation - Odoo's own, then writes as the user
account.journal.action_match_payments - checks read access, and write access to bank lines
account.move.action_bill_call_usage_again - checks write access, and that the invoice is undone
account.move.action_chase_again - checks write access to the invoice and to reminders
account.move.action_do_not_chase - checks write access to the invoice and to reminders
account.move.action_promise - checks that promises may be made; opens a window, which reads with the rights of the user
account.move.action_raise_call_dispute - opens a window, which reads with the rights of the user; raising checks read access and the window
account.move.action_remind_now - checks write access to the invoice and to reminders
account.move.action_view_call_disputes - opens a window, which reads with the rights of the user
account.move.action_view_call_statements - opens a window, which reads with the rights of the user
account.move.action_write_off_call_usage - checks write access, and that the invoice is undone
account.move.button_draft - Odoo's own, which checks; refuses what is billed again
account.move.line.action_view_calls - opens a window, which reads with the rights of the user
account.move.reversal.modify_moves - Odoo's own; refuses usage
account.payment.action_call_bounced - opens a window, which reads with the rights of the user
call.adjustment.action_create_move - checks write access; the invoice is made as the user
call.agreement.action_accept_without_signature - checks write access, the state and the fingerprint
call.agreement.action_check - checks read access, changes nothing
call.agreement.action_load_prices - writes as the user, to drafts only
call.agreement.action_offer - checks write access and the state
call.agreement.action_preview - reads the link as the user
call.agreement.action_print - the report checks read access
call.agreement.action_revise - writes as the user; checks the state
call.agreement.action_send_again - checks write access and the state
call.agreement.action_view_contract - opens a window, which reads with the rights of the user
call.agreement.action_withdraw - writes as the user; checks the state
call.archive.action_compare - checks read access and the group; reads the file, writes down when
call.archive.action_download - checks read access and the right to whole numbers
call.archive.preview.action_archive - checks write access; has the job do what the settings say
call.assurance.action_compute - checks group and company
call.assurance.action_download_csv - checked by action_compute; reads as the user
call.assurance.action_download_xlsx - checked by action_compute; reads as the user
call.assurance.action_next - checked by action_compute
call.assurance.action_open - checked by action_compute
call.assurance.action_previous - checked by action_compute
call.assurance.line.action_open - opens a window, which reads with the rights of the user
call.billing.health.action_open - opens a window, which reads with the rights of the user
call.billing.run.action_prepare - checks write access and the state
call.billing.run.action_retry - writes as the user; checks the state
call.billing.run.action_run - writes as the user; checks the state; invoices are made as the user
call.billing.run.action_undo - checks write access, and that all its invoices are drafts
call.billing.run.action_view_lines - opens a window, which reads with the rights of the user
call.billing.run.action_view_moves - opens a window, which reads with the rights of the user
call.billing.run.line.action_leave_out - checks write access to the run and the states
call.billing.run.line.action_take_in - checks write access to the run and the states
call.billing.run.line.action_view_contract - opens a window, which reads with the rights of the user
call.billing.run.line.action_view_moves - opens a window, which reads with the rights of the user
call.charge.action_view_calls - opens a window, which reads with the rights of the user
call.client.account.action_chase_again - checks write access to reminders, read access to the account
call.client.account.action_do_not_chase - checks write access to reminders, read access to the account
call.client.account.action_open - opens a window, which reads with the rights of the user
call.client.account.action_promise - checks that promises may be made; opens a window, which reads with the rights of the user
call.client.account.action_remind_now - searches as the user; checked by the invoices
call.client.account.action_view_invoices - opens a window, which reads with the rights of the user
call.contract.copy.action_copy - reads and creates as the user
call.contract.end.action_end - checks write access to the contract
call.contract.suspend.action_suspend - checks write access to the contracts
call.dispute.action_accept_all - writes as the user, decisions of open disputes only; nothing is decided by it
call.dispute.action_decide - makes the dialog as the user
call.dispute.action_reject_all - writes as the user, decisions of open disputes only; nothing is decided by it
call.dispute.action_review - checks write access and the state
call.dispute.action_view_adjustments - opens a window, which reads with the rights of the user
call.dispute.action_view_invoice - opens a window, which reads with the rights of the user
call.dispute.action_view_statement - opens a window, which reads with the rights of the user
call.dispute.action_withdraw - checks write access and the state
call.dispute.decide.action_decide - checks group, write access, state, and the amount that was shown
call.dispute.line.action_edit - opens a window, which reads with the rights of the user
call.dispute.line.action_open_recording - as that of the call
call.dispute.raise.action_raise - checks read access, whose calls they are, who raises it, and the window
call.endpoint.action_recycle_suspense - checked by call.suspense.action_recycle
call.erasure.action_erase - checks write access, group and company; what is held stays
call.erasure.action_export_csv - checks write access, group and company; who took it is written down
call.erasure.action_export_json - checks write access, group and company; who took it is written down
call.erasure.action_export_xlsx - checks write access, group and company; who took it is written down
call.erasure.action_look - checks write access, group and company
call.feedback.action_open - opens a window, which reads with the rights of the user
call.gap.check.action_check - reads as the user
call.gap.check.line.action_open - opens a window, which reads with the rights of the user
call.gate.override.action_override - checks group, read access and the state
call.import.action_import - checks write access and the state
call.import.action_refresh - does nothing
call.import.action_undo - checks write access, and that nothing of it is invoiced
call.import.action_view_calls - opens a window, which reads with the rights of the user
call.import.action_view_suspense - opens a window, which reads with the rights of the user
call.indexation.action_prepare - writes as the user; checks the state
call.indexation.action_retry - writes as the user
call.indexation.action_send - writes as the user
call.indexation.action_undo - writes as the user; what is accepted stays
call.indexation.action_view_agreements - opens a window, which reads with the rights of the user
call.job.action_open - opens a window, which reads with the rights of the user
call.job.action_retry - checks read access and group; failed jobs only
call.job.action_set_aside - checks read access and group; failed jobs only
call.lost.bill.action_bill - checks group and read access; only what is lost
call.mapping.action_export - a link that reads with the rights of the user
call.mapping.action_read_sample - writes as the user
call.mapping.import.action_import - creates as the user; checks what the file says
call.margin.action_open - opens a window, which reads with the rights of the user
call.payment.bounce.action_confirm - Odoo's own steps of a payment, as the user
call.payment.notice.action_send_again - checks write access
call.performance.report.action_preview - reads the link as the user
call.performance.report.action_print - the report checks read access
call.performance.report.action_send - checks write access
call.proof.action_compute - checks group and company
call.proof.action_download_csv - checked by action_compute; reads as the user
call.proof.action_download_xlsx - checked by action_compute; reads as the user
call.proof.action_next - checked by action_compute
call.proof.action_open - checked by action_compute
call.proof.action_previous - checked by action_compute
call.proof.line.action_open - opens a window, which reads with the rights of the user
call.proof.month.action_open_proof - checks read access; the proof checks group and company
call.purge.action_preview - checks the group; counts in the company of the user
call.purge.action_purge - checks the group; has the job do what the rules say
call.rate.change.action_apply - creates and writes as the user
call.rate.deck.action_view_lines - opens a window, which reads with the rights of the user
call.rate.deck.import.action_back - writes as the user
call.rate.deck.import.action_check - reads as the user
call.rate.deck.import.action_import - checks write access to the deck
call.rate.plan.action_recycle_suspense - checked by call.suspense.action_recycle
call.rate.plan.action_view_contracts - opens a window, which reads with the rights of the user
call.rate.template.action_create_and_offer - creates as the user
call.rate.template.action_create_plan - creates as the user
call.rerate.action_apply - checks group; searches as the user
call.rerate.action_preview - searches as the user; what is calculated is taken back
call.reveal.action_reveal - checks group and read access to the call; writes down who asked before anything is shown
call.simulation.action_download_xlsx - a link that reads with the rights of the user
call.simulation.action_reset - checks write access
call.simulation.action_simulate - writes as the user; what is calculated is taken back
call.simulation.action_view_graph - opens a window, which reads with the rights of the user
call.source.action_forget_missing - checks write access
call.source.action_look_now - checks write access
call.source.action_new_push_secret - checks write access; the secret is shown once, its hash is kept
call.source.action_pull_now - checks write access
call.source.action_test_connection - checks write access; only administrators read the settings
call.source.action_view_imports - opens a window, which reads with the rights of the user
call.source.action_view_suspense - opens a window, which reads with the rights of the user
call.source.load_records - checks that imports may be created and the source be read; bounds the batch
call.start.step.action_close - as action_skip
call.start.step.action_open - opens a window, which reads with the rights of the user
call.start.step.action_skip - checks the group; writes for the company of the user only
call.start.step.action_tour - a link
call.statement.action_ask_feedback - checks read access, and write access to the contract
call.statement.action_bill_again - checked by account.move.action_bill_call_usage_again
call.statement.action_bring_calls_back - checks read access and the group
call.statement.action_download_archive - checks read access to the archive and the right to whole numbers
call.statement.action_download_csv - a link that reads with the rights of the user
call.statement.action_download_xlsx - a link that reads with the rights of the user
call.statement.action_print - the report checks read access
call.statement.action_raise_dispute - opens a window, which reads with the rights of the user; raising checks read access and the window
call.statement.action_show_so_far - opens a window, which reads with the rights of the user
call.statement.action_view_calls - opens a window, which reads with the rights of the user
call.statement.action_view_disputes - opens a window, which reads with the rights of the user
call.statement.action_view_finding - opens a window, which reads with the rights of the user
call.statement.action_view_invoice - opens a window, which reads with the rights of the user
call.statement.action_view_not_billable - opens a window, which reads with the rights of the user
call.statement.action_view_ratings - opens a window, which reads with the rights of the user
call.statement.message_post - checks read access of clients before anything is done for them
call.statement.rating_apply - Odoo's own, which writes the rating as the user
call.suspense.action_confirm - checks write access
call.suspense.action_recycle - checks write access; open records only
call.suspense.fix.action_fix - checked by call.suspense; endpoints are created as the user
call.suspense.write.off.action_write_off - checks write access; open records only
call.upload.action_import - only files that the user uploaded; imports are created as the user
call.usage.line.action_open_recording - checks group and read access; opens a window that asks why
call.usage.line.action_raise_dispute - opens a window, which reads with the rights of the user; raising checks read access and the window
call.usage.line.action_show_numbers - checks group and read access; opens a window that asks why
call.usage.line.action_view_call - checks read access; opens a window, which reads with the rights of the user
call.usage.line.action_view_raw - checks the group; reads the import as the user
contract.contract.action_bill_usage - checked by recurring_create_invoice
contract.contract.action_check_gaps - makes the dialog as the user
contract.contract.action_offer_agreement - creates as the user
contract.contract.action_offer_amendment - creates as the user
contract.contract.action_resume - checks write access
contract.contract.action_take_back_end - checks write access, and that nothing of it is invoiced
contract.contract.action_view_agreements - opens a window, which reads with the rights of the user
contract.contract.action_view_call_disputes - opens a window, which reads with the rights of the user
contract.contract.action_view_performance_reports - opens a window, which reads with the rights of the user
contract.contract.recurring_create_invoice - checks that invoices may be created
credit.control.communication.action_send_again - checks write access; what failed only
credit.control.line.create_or_update_from_mv_lines - OCA's own, which creates as the user
res.partner.action_view_call_disputes - opens a window, which reads with the rights of the user
res.partner.action_view_client_account - opens a window, which reads with the rights of the user
res.partner.action_view_unbilled - opens a window, which reads with the rights of the user
"""
"""A method and why anybody may call it, one a line. Whoever adds one answers: what does it check, and does it do so before it acts?"""

ORM = {
    "copy": """
        call.rate.deck call.rate.plan
    """,
    "copy_data": """
        call.rate.deck call.rate.plan contract.contract
    """,
    "create": """
        call.erasure account.bank.statement.line account.move account.partial.reconcile call.adjustment call.agreement
        call.agreement.change call.dispute call.endpoint call.import call.mapping call.payment.promise call.performance.report
        call.rate.deck.line call.rate.term call.simulation contract.contract contract.line ir.attachment res.partner
    """,
    "default_get": """
        call.agreement.compare call.contract.suspend call.indexation call.lost.bill call.rate.trial call.rerate
    """,
    "unlink": """
        account.move call.endpoint call.performance.report call.rate.term call.statement contract.contract contract.line
    """,
    "write": """
        call.access call.erasure call.adjustment call.agreement call.agreement.change call.dispute call.dispute.line call.endpoint call.import call.mapping
        call.performance.report call.rate.deck.line call.rate.term call.simulation call.suspense call.usage.line
        contract.contract contract.line credit.control.line ir.attachment res.partner
    """,
}
"""Extensions of what Odoo has: their rights are those of the model, see ``test_security_matrix``. What they do before Odoo's own was
reviewed to be nothing that an error does not take back."""
