// The Pareto front of several metrics.

import { ask } from "../api.js";
import { axis, Chart, color } from "../chart.js";
import { choice, empty, fill, grid, h, setOptions } from "../dom.js";
import { budgetText, count, named, number, plural } from "../format.js";

export default {
  name: "pareto",
  title: "Pareto front",
  ask: (key, view) => ask(`runs/${key}/pareto`, view.query),
  create({ open, refresh }) {
    const query = { first: "", second: "" };
    const chart = new Chart("Metrics of the configurations and their Pareto front").tips(({ data }) => data?.tip).on("click", ({ data }) => data?.id && open(data.id));
    const told = h("p", { class: "more" });
    const body = h("div", {});
    const table = h("div", { id: "front" });
    const pickers = ["first", "second"].map((name) => choice(name === "first" ? "across" : "up", [], "", (value) => { query[name] = value; refresh(); }));
    const controls = h("div", { class: "controls" }, pickers);
    const element = h("section", {}, h("h2", {}, "Pareto front"), controls, told, body, table);

    function update({ data }) {
      const optimised = data.metrics.filter((metric) => metric.strategy === "optimize");
      controls.hidden = optimised.length < 3;
      fill(table);
      told.textContent = "";
      if (!optimised.length) { fill(body, empty("One metric is optimised here", "An experiment that optimises several metrics has a Pareto front: the configurations that no other one beats in all of them.")); return; }
      if (!data.num_runs) { fill(body, empty("Nothing was measured yet", "Each observation of all metrics becomes a point here, and those that no other one beats the Pareto front.")); return; }
      pickers.forEach((picker, place) => {
        const other = place ? data.first : data.second;
        setOptions(picker.querySelector("select"), optimised.map(({ name }) => [name, name]).filter(([name]) => name !== other), place ? data.second : data.first);
      });
      if (chart.element.parentNode !== body) fill(body, chart.element);
      const num = data.front.length + data.others.length;
      told.textContent = `${num < data.num_runs ? `The front and a sample: ${count(num)} of ${count(data.num_runs)} configurations` : plural(data.num_runs, "configuration")} on budget ${budgetText(data.budget)}; ${count(data.num_front)} on the front of ${optimised.length === 2 ? "both" : `all ${optimised.length}`} metrics${data.num_infeasible ? `, ${count(data.num_infeasible)} infeasible` : ""}. A click shows the configuration.`;
      chart.show(() => option(data));
      fill(table, h("h3", {}, "The front"), data.front.length
        ? grid(["configuration", ...data.metrics.map(heading)], data.front.map((row) => [h("button", { class: "link", onclick: () => open(row.id) }, named(row.id)), ...row.values.map((value) => number(value))]), { class: "numbers" })
        : h("p", { class: "more" }, "No configuration meets all constraints yet."));
    }

    return { element, query, update, destroy: () => chart.destroy() };
  },
};

const BETTER = { minimize: "lower is better", maximize: "higher is better" };

const heading = (metric) => (metric.strategy === "store" ? metric.name : `${metric.name} ${metric.strategy === "constraint" ? "(constraint)" : metric.objective === "minimize" ? "↓" : "↑"}`);

function option(data) {
  const [x, y] = [data.first, data.second].map((name) => data.metrics.findIndex((metric) => metric.name === name));
  const point = (kind) => (row) => ({ value: [row.values[x], row.values[y]], id: row.id, tip: [`${named(row.id)}${kind}`, ...data.metrics.map(({ name }, place) => `${name}: ${number(row.values[place])}`)] });
  const label = ({ name, objective }) => `${name.length > 40 ? `${name.slice(0, 39)}…` : name} (${BETTER[objective]})`;
  const hasTwo = data.metrics.filter((metric) => metric.strategy === "optimize").length === 2;
  const front = [...data.front].sort((one, other) => one.values[x] - other.values[x]);
  const scatter = { type: "scatter", symbolSize: 7, z: 2 };
  const legend = { top: 4, left: 0, textStyle: { color: color("text") } };
  const ticks = { axisLabel: { formatter: (value) => number(value, 3) } };
  return {
    grid: { left: 64, right: 24, top: 44, bottom: 56 },
    legend,
    xAxis: axis(label(data.metrics[x]), ticks),
    yAxis: axis(label(data.metrics[y]), { nameGap: 48, ...ticks }),
    dataZoom: [{ type: "inside", xAxisIndex: 0, filterMode: "none" }, { type: "inside", yAxisIndex: 0, filterMode: "none", zoomOnMouseWheel: "shift" }],
    series: [
      { id: "front", name: "Pareto front", type: "line", step: data.metrics[x].objective === "minimize" ? "end" : "start", z: 4, symbol: "circle", symbolSize: 10, lineStyle: { color: color("accent"), width: hasTwo ? 1.5 : 0, type: "dashed" }, itemStyle: { color: color("accent") }, data: front.map(point(" on the front")) },
      { ...scatter, id: "dominated", name: "dominated", itemStyle: { color: color("muted"), opacity: 0.55 }, data: data.others.filter((row) => row.is_feasible).map(point("")) },
      { ...scatter, id: "infeasible", name: "infeasible", symbol: "triangle", symbolSize: 9, itemStyle: { color: color("state-failed"), opacity: 0.8 }, data: data.others.filter((row) => !row.is_feasible).map(point(" infeasible")) },
    ].filter((series) => series.data.length || series.id === "front"),
  };
}
