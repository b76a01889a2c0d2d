import {registry} from "@web/core/registry";

registry.category("web_tour.tours").add("call_center_billing_find_call", {
    steps: () => [
        {content: "Calls", trigger: ".o_portal_my_home a[href='/my/calls']", run: "click", expectUnloadPage: true},
        {content: "A number as it is shown", trigger: "#call_number", run: "edit 0170 555"},
        {content: "Find", trigger: ".o_call_search button[type=submit]", run: "click", expectUnloadPage: true},
        {content: "One call", trigger: "[role=status]:contains(1 calls)"},
        {content: "No digit that is hidden", trigger: ".o_call_table:contains(+49170555XXXX):not(:contains(0111))"},
        {content: "Open its price", trigger: ".o_call_table button:contains(1.8000)", run: "click"},
        {content: "In plain words", trigger: ".o_call_trace:contains(Rounded to 60/60 seconds: 120 s)"},
        {content: "Its statement", trigger: ".o_call_trace a:contains(Statement)", run: "click", expectUnloadPage: true},
        {content: "What was charged", trigger: "td a:contains(Inbound calls)"},
    ],
});

const review = () => [
    {
        content: "What is to review",
        trigger: ".o_portal_my_home a[href='/my/statements']:contains(to review)",
        run: "click",
        expectUnloadPage: true,
    },
    {content: "Open it", trigger: "td a:contains(10/01/2026)", run: "click", expectUnloadPage: true},
    {content: "How long", trigger: "#review:contains(days are left)"},
    {content: "Ask about it", trigger: "#chatterRoot:shadow .o-mail-Composer-input", run: "edit What is this call?"},
    {content: "Send", trigger: "#chatterRoot:shadow .o-mail-Composer-send:enabled", run: "click"},
    {content: "It is there", trigger: "#chatterRoot:shadow .o-mail-Message:contains(What is this call?)"},
    {content: "Pay", trigger: "a[href$='#portal_pay']:contains(Pay)", run: "click", expectUnloadPage: true},
    {content: "Odoo's page of the invoice", trigger: ".o_portal_invoice_sidebar"},
];

registry.category("web_tour.tours").add("call_center_billing_review", {steps: review});
registry.category("web_tour.tours").add("call_center_billing_pay", {
    steps: () => [...review(), {content: "How to pay", trigger: "#pay_with.show"}],
});
registry.category("web_tour.tours").add("call_center_billing_dashboard", {
    steps: () => [
        {content: "At a glance", trigger: ".o_portal_my_home a[href='/my/calls/dashboard']", run: "click", expectUnloadPage: true},
        {content: "Charts are drawn", trigger: "[data-chart=days] canvas[aria-label]"},
        {content: "Their numbers", trigger: "[data-chart=days] summary", run: "click"},
        {content: "As a table", trigger: "[data-chart=days] tbody tr:contains(1)"},
        {content: "An earlier period", trigger: "#call_chart_period", run: "selectByLabel 10/01/2026 - 10/31/2026"},
        {content: "Show it", trigger: "form[action='/my/calls/dashboard'] button", run: "click", expectUnloadPage: true},
        {content: "Its numbers", trigger: "[data-chart=days]:has(tbody tr:nth-child(31)) summary", run: "click"},
        {content: "Of its last day", trigger: "[data-chart=days] tbody tr:contains(10/31/2026)"},
    ],
});

const openStatement = () => [
    {content: "Statements", trigger: ".o_portal_my_home a[href='/my/statements']", run: "click", expectUnloadPage: true},
    {content: "Open it", trigger: "td a:contains(10/01/2026)", run: "click", expectUnloadPage: true},
];

registry.category("web_tour.tours").add("call_center_billing_dispute", {
    steps: () => [
        ...openStatement(),
        {content: "A call", trigger: "tr:contains(1.8000) input[name=call]", run: "click"},
        {content: "Another one", trigger: "tr:contains(3.6000) input[name=call]", run: "click"},
        {content: "Dispute them", trigger: "#dispute_calls button", run: "click", expectUnloadPage: true},
        {content: "Both are there", trigger: "tbody tr:eq(1)"},
        {content: "Why", trigger: "#dispute_reason", run: "selectByIndex 1"},
        {content: "What is wrong", trigger: "#dispute_comment", run: "edit We did not get these calls."},
        {content: "Send", trigger: "button:contains(Send the dispute)", run: "click", expectUnloadPage: true},
        {content: "It is there", trigger: ".alert-success:contains(We have got your dispute)"},
        {content: "With what is at stake", trigger: "dd:contains(5.40)"},
    ],
});

const ownList = "Date;Number;Duration\n05.10.2026 10:00:00;+491705550111;66\n";

registry.category("web_tour.tours").add("call_center_billing_own_list", {
    steps: () => [
        ...openStatement(),
        {content: "Compare", trigger: "a:contains(compare)", run: "click", expectUnloadPage: true},
        {
            content: "The own list",
            trigger: "#own_list",
            run() {
                const files = new DataTransfer();
                files.items.add(new File([ownList], "mine.csv", {type: "text/csv"}));
                this.anchor.files = files.files;
            },
        },
        {content: "Dates", trigger: "summary:contains(Titles of the columns)", run: "click"},
        {content: "Day first", trigger: "#date_order", run: "select dmy"},
        {content: "Compare", trigger: "button:contains(Compare)", run: "click", expectUnloadPage: true},
        {content: "What differs", trigger: "#own_list_result:contains(1 are on the statement only)"},
        {content: "Dispute it", trigger: "button:contains(Dispute the ticked calls)", run: "click", expectUnloadPage: true},
        {content: "Why", trigger: "#dispute_reason", run: "selectByIndex 1"},
        {content: "Send", trigger: "button:contains(Send the dispute)", run: "click", expectUnloadPage: true},
        {content: "It is there", trigger: ".alert-success:contains(We have got your dispute)"},
    ],
});

registry.category("web_tour.tours").add("call_center_billing_feedback", {
    steps: () => [
        ...openStatement(),
        {content: "Good", trigger: "section a:contains(Good)", run: "click", expectUnloadPage: true},
        {content: "In words", trigger: "textarea[name=feedback]", run: "edit Friendly and quick"},
        {content: "Send", trigger: "button[type=submit]", run: "click", expectUnloadPage: true},
        {content: "Thank you", trigger: "body:contains(Thank you)"},
    ],
});
