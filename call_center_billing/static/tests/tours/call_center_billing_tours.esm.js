import {registry} from "@web/core/registry";

registry.category("web_tour.tours").add("call_center_billing_accountant", {
    steps: () => [
        {content: "Import the file", trigger: "button[name=action_import]", run: "click"},
        {
            content: "The control totals add up",
            trigger: ".o_field_widget[name=read_count]:contains(3)",
        },
        {content: "See what was suspended", trigger: "button[name=action_view_suspense]", run: "click"},
        {content: "Open its group", trigger: ".o_group_header:contains(Belongs to no contract)", run: "click"},
        {content: "Its number is shown", trigger: ".o_data_row:contains(000)"},
        {content: "Go back", trigger: ".o_back_button, .breadcrumb-item a:first", run: "click"},
        {content: "See the calls", trigger: "button[name=action_view_calls]", run: "click"},
        {content: "A rated call", trigger: ".o_data_row:contains(1.8000)"},
    ],
});

const uploaded = ["49305550100", "+4930777001", "000"]
    .map(
        (called, number) =>
            `"","+491705550111","${called}","from-trunk","","PJSIP/t-1","PJSIP/201-1","Dial","","2026-10-05 10:0${number}:00",` +
            `"2026-10-05 10:0${number}:05","2026-10-05 10:0${number}:35",35,30,"ANSWERED","DOCUMENTATION","pbx-tour.${number}"\n`
    )
    .join("");

registry.category("web_tour.tours").add("call_center_billing_collection", {
    steps: () => [
        {content: "Upload", trigger: ".o_kanban_record:contains(PBX) a:contains(Upload Files)", run: "click"},
        {
            content: "Choose a file",
            trigger: ".modal .o_field_widget[name=attachment_ids]",
            run() {
                const input = this.anchor.querySelector("input[type=file]");
                const files = new DataTransfer();
                files.items.add(new File([uploaded], "tour.csv", {type: "text/csv"}));
                input.files = files.files;
                input.dispatchEvent(new Event("change", {bubbles: true}));
            },
        },
        {content: "It is there", trigger: ".modal .o_attachment:contains(tour.csv)"},
        {content: "Import it", trigger: ".modal button[name=action_import]", run: "click"},
        {content: "What became of it", trigger: ".o_field_widget[name=read_count]:contains(3), .o_data_row:contains(tour.csv)"},
        {content: "Back to the sources", trigger: ".breadcrumb-item a, .o_back_button", run: "click"},
        {content: "What is suspended", trigger: ".o_kanban_record:contains(PBX) a[name=action_view_suspense]", run: "click"},
        {content: "Open the group", trigger: ".o_group_header:contains(Belongs to no contract)", run: "click"},
        {content: "Choose a client's call", trigger: ".o_data_row:contains(4930777001) .o_list_record_selector input", run: "click"},
        {content: "Correct it", trigger: ".o_control_panel button:contains(Correct)", run: "click"},
        {content: "It belongs to a contract", trigger: ".modal .o_field_widget[name=contract_line_id] input", run: "edit Dental"},
        {content: "This one", trigger: ".o-autocomplete--dropdown-item:contains(Dental Practice, Answering service)", run: "click"},
        {content: "Its number becomes an endpoint", trigger: ".modal .o_field_widget[name=endpoint_values]:contains(4930777001)"},
        {content: "Recycle", trigger: ".modal button[name=action_fix]", run: "click"},
        {content: "It is a call now", trigger: ".o_list_view:not(:has(.o_data_row:contains(4930777001)))"},
        {content: "Choose the rest", trigger: ".o_data_row:contains(000) .o_list_record_selector input", run: "click"},
        {content: "Write it off", trigger: ".o_control_panel button:contains(Write Off)", run: "click"},
        {content: "Why", trigger: ".modal .o_field_widget[name=note] input", run: "edit Test call of the installer"},
        {content: "Do so", trigger: ".modal button[name=action_write_off]", run: "click"},
        {content: "Nothing is left", trigger: "body:not(:has(.modal)) .o_list_view:not(:has(.o_data_row))"},
    ],
});

registry.category("web_tour.tours").add("call_center_billing_sales", {
    steps: () => [
        {content: "A new plan", trigger: ".o_list_button_add", run: "click"},
        {content: "Its name", trigger: ".o_field_widget[name=name] input", run: "edit Evening plan"},
        {content: "A rule", trigger: ".o_field_widget[name=rule_ids] .o_field_x2many_list_row_add a", run: "click"},
        {content: "Its name on the invoice", trigger: ".modal .o_field_widget[name=name] input", run: "edit Evening calls"},
        {content: "Its price", trigger: ".modal .o_field_widget[name=minute_price] input", run: "edit 1.25"},
        {content: "Keep it", trigger: ".modal .o_form_button_save", run: "click"},
        {content: "The rule in words", trigger: ".o_data_row:contains(1.25 per minute, 60/60 seconds)"},
        {content: "Save", trigger: ".o_form_button_save", run: "click"},
        {content: "Saved", trigger: ".o_form_saved, .o_form_view:not(:has(.o_form_status_indicator_buttons:visible))"},
        {content: "What would a call cost?", trigger: ".o_statusbar_buttons button:contains(Try a Call)", run: "click"},
        {content: "Four minutes", trigger: ".modal .o_field_widget[name=talk_seconds] input", run: "edit 241 && press Tab"},
        {content: "Its price", trigger: ".modal .o_field_widget[name=amount]:contains(6.25)"},
        {content: "What was entered stays", trigger: ".modal .o_field_widget[name=talk_seconds] input:value(241)"},
        {content: "Why", trigger: ".modal .o_field_widget[name=trace]:contains(Rounded to 60/60 seconds: 300 s)"},
        {content: "The rule that won", trigger: ".modal .o_field_widget[name=rules] tr:contains(Prices this call)"},
        {content: "Done", trigger: ".modal footer button:contains(Close)", run: "click"},
        {content: "Back on the plan", trigger: "body:not(:has(.modal)) .o_form_view"},
    ],
});

registry.category("web_tour.tours").add("call_center_billing_client", {
    steps: () => [
        {content: "Statements", trigger: "a[href='/my/statements']", run: "click", expectUnloadPage: true},
        {content: "Open one", trigger: "td a:contains(10/01/2026)", run: "click", expectUnloadPage: true},
        {content: "A charge", trigger: "td a:contains(Inbound calls)", run: "click", expectUnloadPage: true},
        {content: "Its calls", trigger: "a:contains(Show all calls)"},
        {content: "A call with its time", trigger: "td:contains(2026-10-05 10:00:00)"},
    ],
});
