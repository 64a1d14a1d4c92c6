// Parallel coordinates.

import { ask } from "../api.js";
import { Chart, color, ramp } from "../chart.js";
import { choice, empty, fill, h, setOptions } from "../dom.js";
import { budgetText, count, named, number } from "../format.js";

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
    const place = h("div", { class: "scroll" });
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
      setOptions(picker.querySelector("select"), data.budgets.map(([budget, amount]) => [budget, `${budgetText(budget)} (${count(amount)})`]), data.budget);
      if (!data.rows.length) { told.textContent = ""; fill(place, empty("No lines yet", "Each configuration with a loss becomes a line across its values here.")); return; }
      if (!data.axes.length) { fill(place, empty("Nothing differs", "All configurations so far have the same values.")); return; }
      if (JSON.stringify(data) === before) return;
      if (chart.element.parentNode !== place) fill(place, chart.element);
      told.textContent = `${data.rows.length < data.num_configurations ? `The best and a sample: ${count(data.rows.length)} of ${count(data.num_configurations)} configurations. ` : ""}Strong lines have a low loss. Drag along an axis to pick a range; a click on a line shows the configuration.`;
      chart.element.style.minWidth = `${90 * (data.axes.length + 1)}px`;
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
  const label = { color: color("muted"), backgroundColor: `${color("card")}cc`, padding: [1, 3], formatter: (value) => (typeof value === "number" ? number(value, 3) : value.length > 14 ? `${value.slice(0, 13)}…` : value) };
  const look = { z: 10, nameTextStyle: { color: color("text"), fontSize: 12 }, axisLine: { lineStyle: { color: color("line"), width: 1.5 } }, axisTick: { show: false }, axisLabel: label, minorTick: { show: false } };
  const axes = data.axes.map((axis, dim) => parallelAxis(axis, dim, rows.some((row) => row.values[dim] === null), look));
  axes.push({ dim: axes.length, name: "loss", nameLocation: "start", type: "value", inverse: true, min: low, max: high > low ? high : low + 1, ...look });
  return {
    parallel: { left: 60, right: 90, top: 48, bottom: 24, axisExpandable: false, parallelAxisDefault: { nameLocation: "end", nameGap: 16, areaSelectStyle: { width: 18, color: color("accent"), opacity: 0.25, borderColor: color("accent") } } },
    parallelAxis: axes,
    visualMap: { show: false, min: low, max: high > low ? high : low + 1, dimension: axes.length - 1, inRange: { color: [...ramp()].reverse(), opacity: [0.9, 0.25] } },
    series: [{ type: "parallel", smooth: 0, lineStyle: { width: 1.4 }, inactiveOpacity: 0.04, activeOpacity: 0.9, progressive: 0,
      data: rows.map((row) => [...row.values.map((value, i) => coordinate(data.axes[i], value)), Math.min(row.loss, high > low ? high : row.loss)]) }],
  };
}

const INACTIVE = "not active";

// Below the range of a number there is a place for what is not active.
function floor({ type, low, high }) {
  return type === "log" ? low / (high / low) ** 0.1 : low - (high - low) * 0.1;
}

function coordinate(axis, value) {
  if (axis.type === "category") return value === null ? INACTIVE : axis.categories[value];
  return value === null ? floor(axis) : value;
}

function parallelAxis(axis, dim, hasInactive, look) {
  const common = { dim, name: short(axis.name), ...look };
  if (axis.type === "category") return { ...common, type: "category", data: hasInactive ? [INACTIVE, ...axis.categories] : axis.categories };
  const min = hasInactive ? floor(axis) : axis.low;
  const formatter = (value) => (value < axis.low ? (value === min ? INACTIVE : "") : number(value, 3));
  return { ...common, type: axis.type === "log" ? "log" : "value", min, max: axis.high, axisLabel: { ...look.axisLabel, formatter, showMinLabel: true } };
}

const short = (name) => (name.length > 18 ? `${name.slice(0, 17)}…` : name);
