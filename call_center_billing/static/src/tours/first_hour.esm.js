import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";

/** From an empty company to the first posted usage invoice, with a sample file. */
registry.category("web_tour.tours").add("call_center_billing_first_hour", {
    url: "/odoo/action-call_center_billing.call_start_step_action",
    steps: () => [
        {content: _t("Begin with your company."), trigger: "[data-step=company] button[name=action_open]", run: "click"},
        {
            content: _t("The city, as it is meant on invoices."),
            trigger: ".modal .o_field_widget[name=city] input",
            run: "edit Berlin",
        },
        {
            content: _t("Clients' invoices, bands and billing periods go by a time zone: choose yours."),
            trigger: ".modal .o_field_widget[name=call_tz] input",
            run: "edit Europe/Berlin",
        },
        {content: _t("This one."), trigger: ".o-dropdown-item:contains(Europe/Berlin), .o_select_menu_item:contains(Europe/Berlin)", run: "click"},
        {
            content: _t("Save."),
            trigger: ".modal button[name=action_save_onboarding_company_data]",
            run: "click",
            expectUnloadPage: true,
        },
        {content: _t("Now your phone system."), trigger: "body:not(:has(.modal)) [data-step=source] button.btn-primary", run: "click"},
        {
            content: _t("Give it a name. The format is that of its call records."),
            trigger: ".modal .o_field_widget[name=name] input, .modal .o_field_widget[name=name] textarea",
            run: "edit Our Asterisk",
        },
        {content: _t("Save."), trigger: ".modal .o_form_button_save", run: "click"},
        {content: _t("Upload a file of last month, or a sample."), trigger: "body:not(:has(.modal)) [data-step=file] button.btn-primary", run: "click"},
        {
            content: _t("Choose the file."),
            trigger: ".modal .o_field_widget[name=attachment_ids]",
            async run() {
                const sample = await fetch("/call_center_billing/sample/asterisk_csv");
                const files = new DataTransfer();
                files.items.add(new File([await sample.blob()], "Master.csv", {type: "text/csv"}));
                const input = this.anchor.querySelector("input[type=file]");
                input.files = files.files;
                input.dispatchEvent(new Event("change", {bubbles: true}));
            },
        },
        {content: _t("It is there."), trigger: ".modal .o_attachment:contains(Master.csv)"},
        {content: _t("Import it."), trigger: ".modal button[name=action_import]", run: "click"},
        {content: _t("All calls wait for a contract."), trigger: ".o_data_row:contains(Master.csv)"},
        {content: _t("Back to the list."), trigger: ".breadcrumb-item a:contains(Get Started), .o_back_button", run: "click"},
        {content: _t("Choose what you charge."), trigger: "[data-step=plan] button.btn-primary", run: "click"},
        {
            content: _t("By the minute here; the others are as quick."),
            trigger: ".modal .o_field_widget[name=agreement] .o_radio_item:contains(By the minute) input",
            run: "click",
        },
        {content: _t("Your client."), trigger: ".modal .o_field_widget[name=partner_id] input", run: "edit Harbour Dental Practice"},
        {content: _t("A new one."), trigger: ".o-autocomplete--dropdown-item:contains(Create and edit)", run: "click"},
        {
            content: _t("Where its invoices are sent to."),
            trigger: ".modal .o_field_widget[name=email] input",
            run: "edit office@harbour-dental.example.com",
        },
        {content: _t("Save the client."), trigger: ".modal:has(.o_field_widget[name=email]) .o_form_button_save", run: "click"},
        {
            content: _t("What you do for it."),
            trigger: ".modal .o_field_widget[name=product_id] input",
            run: "edit Call answering",
        },
        {content: _t("A new service."), trigger: ".o-autocomplete--dropdown-item a:contains(Create \"Call answering\")", run: "click"},
        {
            content: _t("The number that most calls went to, and the first month, are filled in."),
            trigger: ".modal .o_field_widget[name=endpoints] textarea",
        },
        {content: _t("Make both."), trigger: ".modal button[name=action_create_plan]:contains(Contract)", run: "click"},
        {content: _t("The month is over: bill it."), trigger: ".o_form_view button[name=action_bill_usage]", run: "click"},
        {content: _t("Each line is the sum of its calls. Confirm."), trigger: ".o_statusbar_buttons button[name=action_post]", run: "click"},
        {content: _t("Posted."), trigger: ".o_arrow_button_current[data-value=posted]"},
    ],
});
