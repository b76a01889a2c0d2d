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
