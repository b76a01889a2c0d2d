// Opens each of `urls` in a frame of each of `widths`, as the client would see it, and tells what axe-core finds there,
// whether the rows of tables fit their titles, and whether the page is wider than the screen. Set before: `urls`; `odoos`, those of them that are Odoo's own, where only what is
// serious counts; `left`, what others made; `widths`; `axe`, the address of the checker.
const found = [];
const frame = document.createElement("iframe");
const until = async (done) => {
    while (!done()) {
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
};
document.body.replaceChildren(frame);
frame.style.cssText = "position:fixed;top:0;left:0;height:800px;border:0";
for (const url of urls) {
    for (const width of widths) {
        frame.style.width = `${width}px`;
        await new Promise((resolve) => {
            frame.onload = resolve;
            frame.src = url;
        });
        const page = frame.contentDocument;
        if (page.contentType !== "text/html" || !page.querySelector("#wrap")) {
            found.push(`${url} is no page of the portal`);
            continue;
        }
        await until(() => [...page.querySelectorAll("[data-chart]")].every((chart) => chart.querySelector("canvas[aria-label]")));
        page.querySelectorAll("details").forEach((each) => (each.open = true));
        page.querySelectorAll(".collapse:not(.navbar-collapse)").forEach((each) => each.classList.add("show"));
        await new Promise((resolve, reject) => {
            const script = page.createElement("script");
            Object.assign(script, {onload: resolve, onerror: reject, src: axe});
            page.head.append(script);
        });
        const checked = await frame.contentWindow.axe.run(page, {resultTypes: ["violations"], iframes: false});
        for (const {id, impact, nodes} of checked.violations) {
            if (odoos.includes(url) && !["serious", "critical"].includes(impact)) {
                continue;
            }
            const ours = nodes.filter(({target}) => {
                const element = page.querySelector([target[0]].flat()[0]);
                return !element || !element.closest(left);
            });
            for (const node of ours) {
                found.push(`${url} at ${width}: ${impact} ${id}: ${node.html.slice(0, 200)} ${node.failureSummary.slice(0, 300)}`);
            }
        }
        const columns = (row) => [...row.cells].reduce((sum, cell) => sum + cell.colSpan, 0);
        for (const table of page.querySelectorAll("#wrap table:has(thead)")) {
            const odd = [...table.rows].find((row) => columns(row) !== columns(table.tHead.rows[0]));
            if (odd) {
                found.push(`${url} at ${width}: a row does not fit its titles: ${odd.outerHTML.slice(0, 300)}`);
            }
        }
        const root = page.documentElement;
        if (root.scrollWidth > root.clientWidth) {
            const wide = [...page.querySelectorAll("#wrap *")].filter(
                (each) => each.getBoundingClientRect().right > root.clientWidth + 1 && !each.closest(".table-responsive")
            );
            const names = wide.slice(-3).map((each) => each.outerHTML.slice(0, 120));
            found.push(`${url} at ${width} is ${root.scrollWidth} wide: ${names.join(" | ")}`);
        }
    }
}
if (found.length) {
    throw new Error(`\n${found.join("\n")}`);
}
console.log("test successful");
