import {Interaction} from "@web/public/interaction";
import {loadBundle} from "@web/core/assets";
import {registry} from "@web/core/registry";
import {rpc} from "@web/core/network/rpc";

const COLOUR = "#4c6a92";
const KINDS = {levels: "line", services: "bar"};

/**
 * Charts of the dashboard, each with its numbers as a table below it for whoever cannot see it.
 */
export class CallCharts extends Interaction {
    static selector = ".o_call_charts";

    setup() {
        this.charts = [];
    }

    async willStart() {
        const period = this.el.dataset.period || null;
        [this.data] = await Promise.all([
            this.waitFor(rpc("/my/calls/dashboard/charts", {period})),
            this.waitFor(loadBundle("web.chartjs_lib")),
        ]);
    }

    start() {
        for (const el of this.el.querySelectorAll("[data-chart]")) {
            const data = this.data[el.dataset.chart];
            if (data && data.values.some((value) => value)) {
                this.draw(el, data);
                this.list(el, data);
            } else {
                el.classList.add("d-none");
            }
        }
        this.registerCleanup(() => this.charts.forEach((chart) => chart.destroy()));
    }

    draw(el, data) {
        const canvas = el.querySelector("canvas");
        const kind = KINDS[el.dataset.chart] || "bar";
        canvas.setAttribute("aria-label", data.title);
        this.charts.push(
            new window.Chart(canvas, {
                type: kind,
                data: {
                    labels: data.labels,
                    datasets: [
                        {label: data.title, data: data.values, backgroundColor: COLOUR, borderColor: COLOUR, spanGaps: true, tension: 0.2, clip: false},
                    ],
                },
                options: {
                    animation: false,
                    maintainAspectRatio: false,
                    indexAxis: el.dataset.chart === "services" ? "y" : "x",
                    plugins: {legend: {display: false}},
                    scales: {[el.dataset.chart === "services" ? "x" : "y"]: {beginAtZero: true, max: kind === "line" ? 100 : undefined}},
                },
            })
        );
    }

    list(el, data) {
        const body = el.querySelector("tbody");
        data.labels.forEach((label, index) => {
            const row = body.insertRow();
            const head = document.createElement("th");
            head.scope = "row";
            head.className = "fw-normal";
            head.textContent = label;
            row.append(head);
            const cell = row.insertCell();
            cell.className = "text-end";
            const value = data.values[index];
            cell.textContent = value === null || value === undefined ? "-" : value.toLocaleString();
        });
    }
}

registry.category("public.interactions").add("call_center_billing.call_charts", CallCharts);
