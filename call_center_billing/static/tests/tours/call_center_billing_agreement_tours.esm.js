import {registry} from "@web/core/registry";

const CHOOSE = ".o-autocomplete--dropdown-item";

function choose(field, text) {
    return [
        {content: `Look for ${text}`, trigger: `.modal .o_field_widget[name=${field}] input`, run: `edit ${text}`},
        {content: `Choose ${text}`, trigger: `${CHOOSE}:contains(${text})`, run: "click"},
    ];
}

registry.category("web_tour.tours").add("call_center_billing_offer", {
    steps: () => [
        {content: "A contract too", trigger: ".modal .o_field_widget[name=with_contract] input", run: "click"},
        ...choose("partner_id", "Tour Dentist"),
        ...choose("product_id", "Answering"),
        {content: "When it begins", trigger: ".modal .o_field_widget[name=date_start] button", run: "click"},
        {content: "From October on", trigger: ".modal .o_field_widget[name=date_start] input", run: "edit 10/01/2026 && press Tab"},
        {content: "Its number", trigger: ".modal .o_field_widget[name=endpoints] textarea", run: "edit +49305550177"},
        {content: "Offer it", trigger: ".modal button[name=action_create_and_offer]", run: "click"},
        {content: "Look at the document", trigger: ".nav-link[name=document]", run: "click"},
        {content: "It has the number", trigger: ".o_call_agreement td:contains(+49305550177)"},
        {content: "And an example", trigger: ".o_call_agreement td:contains(Example, beyond what is included)"},
        {content: "Send it", trigger: "button[name=action_offer]", run: "click"},
        {content: "Yes", trigger: ".modal footer .btn-primary", run: "click"},
        {content: "It is offered", trigger: ".o_arrow_button_current:contains(Offered)"},
    ],
});

registry.category("web_tour.tours").add("call_center_billing_sign", {
    steps: () => [
        {content: "Agreements", trigger: "a[href='/my/agreements']", run: "click", expectUnloadPage: true},
        {
            content: "The one to answer",
            trigger: "tr:contains(To answer) td a",
            run: "click",
            expectUnloadPage: true,
        },
        {content: "Accept", trigger: "button[data-bs-target='#modalaccept']", run: "click"},
        {content: "Name", trigger: "#modalaccept input[name=signer]", run: "edit Dr. Drill"},
        {content: "Look at the styles", trigger: "#modalaccept .o_web_sign_auto_select_style button", run: "click"},
        {content: "Choose one", trigger: ".o-dropdown-item:eq(3)", run: "click"},
        {
            content: "Sign",
            trigger: "#modalaccept .o_portal_sign_submit:enabled",
            run: "click",
            expectUnloadPage: true,
        },
        {content: "Thank you", trigger: ".alert-success:contains(The agreement is accepted)"},
        {content: "The signature is in the document", trigger: ".o_call_agreement:contains(Dr. Drill) img[alt=Signature]"},
    ],
});

registry.category("web_tour.tours").add("call_center_billing_amend", {
    steps: () => [
        {content: "Change the terms", trigger: "button[name=action_offer_amendment]", run: "click"},
        {content: "From when", trigger: ".o_field_widget[name=date_from] button", run: "click"},
        {content: "In the middle of the month", trigger: ".o_field_widget[name=date_from] input", run: "edit 10/16/2026 && press Tab"},
        {content: "List the prices", trigger: "button[name=action_load_prices]", run: "click"},
        {content: "The minute", trigger: ".o_data_row:contains(Price per Minute) td[name=new_value]", run: "click"},
        {content: "Is dearer", trigger: ".o_data_row td[name=new_value] input", run: "edit 3.00 && press Tab"},
        {content: "Save", trigger: ".o_form_button_save", run: "click"},
        {content: "Look at it", trigger: ".nav-link[name=document]", run: "click"},
        {content: "New", trigger: ".o_call_agreement td:contains($3.00 per minute)"},
        {content: "Send it", trigger: "button[name=action_offer]", run: "click"},
        {content: "Yes", trigger: ".modal footer .btn-primary", run: "click"},
        {content: "It is offered", trigger: ".o_arrow_button_current:contains(Offered)"},
    ],
});

registry.category("web_tour.tours").add("call_center_billing_both_versions", {
    steps: () => [
        {content: "Statements", trigger: "a[href='/my/statements']", run: "click", expectUnloadPage: true},
        {content: "Open it", trigger: "td a:contains(10/01/2026)", run: "click", expectUnloadPage: true},
        {content: "What was signed first", trigger: "a:contains(Service Agreement AGR)"},
        {content: "What was signed later", trigger: "p:contains(from 10/16/2026) a:contains(Amendment AGR)"},
        {content: "The old price", trigger: "tr:contains(2.25)"},
        {content: "The new price", trigger: "tr:contains(3.00)"},
    ],
});
