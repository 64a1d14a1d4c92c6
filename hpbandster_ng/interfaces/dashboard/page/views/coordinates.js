// Parallel coordinates.

import { ask } from "../api.js";
import { Chart, color, ramp } from "../chart.js";
import { choice, empty, fill, h, setOptions } from "../dom.js";
import { count, named, number } from "../format.js";

export default {
  name: "coordinates",
  title: "Parallel coordinates",
  ask: (key, view) => ask(`runs/${key}/coordinates`, { budget: view.budget }),
  create({ open, refresh }) {
    let data = null;
    const chart = new Chart("Parallel coordinates of the configurations", "chart tall")
      .tips(({ dataIndex }) => tip(ordered(data)[dataIndex]))
      .on("click", ({ dataIndex }) => { const row = ordered(data)[dataIndex]; if (row) open(row.id); })
      .on("axisareaselected", () => select());
    const told = h("p", { class: "more" });
    const chosen = h("p", { class: "more", id: "selected" });
    const place = h("div", {});
    const picker = choice("budget", [], "", (value) => { view.budget = value; refresh(); });
    const element = h("section", {}, h("h2", {}, "Parallel coordinates"), h("div", { class: "controls" }, picker), told, place, chosen);
    const view = { element, budget: null, update, destroy: () => chart.destroy() };

    function tip(row) {
      return row ? [named(row.id), `loss ${number(row.loss)}`, ...data.axes.map((axis, i) => `${axis.name}: ${shown(axis, row.values[i])}`)] : null;
    }

    function select() {
      const series = chart.chart.getModel().getSeriesByIndex(0);
      const rows = ordered(data);
      const active = series.getRawIndicesByActiveState("active").map((i) => rows[i]);
      chosen.textContent = active.length ? `${count(active.length)} of ${count(rows.length)} lines go through what is marked; the best has loss ${number(Math.min(...active.map((row) => row.loss)))}.` : "";
    }

    function update(answer) {
      const before = JSON.stringify(data);
      data = answer.data;
      setOptions(picker.querySelector("select"), data.budgets.map(([budget, amount]) => [budget, `${number(budget)} (${count(amount)})`]), data.budget);
      if (!data.rows.length) { told.textContent = ""; fill(place, empty("No lines yet", "Each configuration with a loss becomes a line across its values here.")); return; }
      if (!data.axes.length) { fill(place, empty("Nothing differs", "All configurations so far have the same values.")); return; }
      if (JSON.stringify(data) === before) return;
      if (chart.element.parentNode !== place) fill(place, chart.element);
      told.textContent = `${data.rows.length < data.num_configurations ? `The best and a sample: ${count(data.rows.length)} of ${count(data.num_configurations)} configurations. ` : ""}Strong lines have a low loss. Drag along an axis to pick a range; a click on a line shows the configuration.`;
      chart.show(() => option(data));
    }

    return view;
  },
};

// The best last, so that they are drawn above the others.
const ordered = (data) => [...data.rows].sort((one, other) => other.loss - one.loss);

const shown = (axis, value) => (value === null ? "not active" : axis.type === "category" ? axis.categories[value] : number(value));

function option(data) {
  const rows = ordered(data);
  const losses = rows.map((row) => row.loss);
  const low = losses.at(-1);
  const high = losses[Math.floor(losses.length * 0.05)];
  const label = { color: color("muted"), formatter: (value) => (typeof value === "number" ? number(value, 3) : value.length > 14 ? `${value.slice(0, 13)}…` : value) };
  const look = { nameTextStyle: { color: color("text"), fontSize: 12 }, axisLine: { lineStyle: { color: color("line"), width: 1.5 } }, axisTick: { show: false }, axisLabel: label, minorTick: { show: false } };
  const axes = data.axes.map((axis, dim) => axis.type === "category"
    ? { dim, name: short(axis.name), type: "category", data: axis.categories, ...look }
    : { dim, name: short(axis.name), type: axis.type === "log" ? "log" : "value", min: axis.low, max: axis.high, ...look, axisLabel: { ...label, showMinLabel: true } });
  axes.push({ dim: axes.length, name: "loss", type: "value", inverse: true, min: low, max: high > low ? high : low + 1, ...look });
  return {
    parallel: { left: 60, right: 90, top: 48, bottom: 24, axisExpandable: false, parallelAxisDefault: { nameLocation: "end", nameGap: 16, areaSelectStyle: { width: 18, color: color("accent"), opacity: 0.25, borderColor: color("accent") } } },
    parallelAxis: axes,
    visualMap: { show: false, min: low, max: high > low ? high : low + 1, dimension: axes.length - 1, inRange: { color: [...ramp()].reverse(), opacity: [0.9, 0.25] } },
    series: [{ type: "parallel", smooth: 0, lineStyle: { width: 1.4 }, inactiveOpacity: 0.04, activeOpacity: 0.9, progressive: 0,
      data: rows.map((row) => [...row.values.map((value, i) => (value === null ? NaN : data.axes[i].type === "category" ? data.axes[i].categories[value] : value)), Math.min(row.loss, high > low ? high : row.loss)]) }],
  };
}

const short = (name) => (name.length > 18 ? `${name.slice(0, 17)}…` : name);
