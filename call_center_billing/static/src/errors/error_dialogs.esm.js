import {WarningDialog} from "@web/core/errors/error_dialogs";
import {registry} from "@web/core/registry";

/** Odoo knows its own errors by name: what inherits from them would be shown as a crash. */
const KINDS = ["call_statement.IncompletePeriod", "call_agreement.Outdated"];

for (const kind of KINDS) {
    registry.category("error_dialogs").add(`odoo.addons.call_center_billing.models.${kind}`, WarningDialog);
}
