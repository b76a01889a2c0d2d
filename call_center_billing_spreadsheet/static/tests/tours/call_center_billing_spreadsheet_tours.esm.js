import {registry} from "@web/core/registry";

/** The dashboard that is open, or nothing as long as it is loading. */
function opened() {
    return odoo.__WOWL_DEBUG__.root.env.services.spreadsheet_dashboard_loader.getActiveDashboard()?.model;
}

function cells(model) {
    const {getters} = model;
    return getters.getSheetIds().flatMap((sheetId) => {
        const {numberOfCols, numberOfRows} = getters.getSheetSize(sheetId);
        return Array.from({length: numberOfCols * numberOfRows}, (_, place) => {
            const [col, row] = [place % numberOfCols, Math.floor(place / numberOfCols)];
            const cell = getters.getEvaluatedCell({sheetId, col, row});
            return {...cell, place: `${getters.getSheetName(sheetId)} ${String.fromCharCode(65 + col)}${row + 1}`};
        });
    });
}

/** Waits until everything is read, and fails where a cell or a chart is wrong, or a card has nothing to tell. */
async function check() {
    for (let tries = 0; tries < 100; tries++) {
        const model = opened();
        const waiting = !model || cells(model).some((cell) => String(cell.value).startsWith("Loading"));
        if (!waiting) {
            break;
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const model = opened();
    const wrong = cells(model).filter((cell) => cell.type === "error" || String(cell.value).startsWith("#"));
    const {getters} = model;
    const [sheetId] = getters.getSheetIds();
    const cards = getters
        .getFigures(sheetId)
        .map((figure) => getters.getChartRuntime(getters.getChartIdFromFigureId(figure.id)))
        .filter((chart) => "keyValue" in chart);
    const empty = cards.filter((card) => !card.keyValue);
    if (wrong.length || empty.length || !cards.length) {
        throw new Error(
            `Wrong: ${wrong.map((cell) => `${cell.place} ${cell.value} ${cell.message || ""}`)}; ` +
                `empty: ${empty.map((card) => card.title?.text)}; ${cards.length} cards`
        );
    }
}

registry.category("web_tour.tours").add("call_center_billing_spreadsheet", {
    steps: () => [
        {content: "Cards and charts are there, and nothing is wrong", trigger: ".o_renderer .o-figure canvas", run: check},
    ],
});
