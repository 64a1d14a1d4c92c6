// Learning curves with hover and pin.

import { ask } from "../api.js";
import { axis, Chart, color, ramp } from "../chart.js";
import { check, choice, empty, fill, h, setOptions } from "../dom.js";
import { budgetText, count, named, number } from "../format.js";

const PINS = ["#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b"];
const MOST_LISTED = 200;

export default {
  name: "curves",
  title: "Learning curves",
  ask: (key, view) => ask(`runs/${key}/curves`, { iteration: view.iteration }),
  create({ open, refresh }) {
    const state = { isLog: false, logBudget: true };
    const pins = new Map();
    let data = null;
    let hovered = null;
    const chart = new Chart("Learning curves").tips(({ seriesId }) => tip(seriesId))
      .on("click", ({ seriesId }) => toggle(seriesId))
      .on("mouseover", ({ seriesId }) => hover(seriesId)).on("mouseout", () => hover(null));
    const told = h("p", { class: "more" });
    const place = h("div", {});
    const list = h("aside", { class: "pins", "aria-label": "Pinned configurations" });
    const logBox = check("logarithmic loss", false, (on) => { state.isLog = on; draw(); });
    const picker = choice("iteration", [["", "all"]], "", (value) => { view.iteration = value; refresh(); });
    const element = h("section", {}, h("h2", {}, "Learning curves"),
      h("div", { class: "controls" }, picker, check("logarithmic budget", true, (on) => { state.logBudget = on; draw(); }), logBox, h("button", { onclick: () => { pins.clear(); draw(); } }, "Unpin all")),
      told, h("div", { class: "with-aside" }, place, list));
    const view = { element, iteration: "", update, destroy: () => chart.destroy() };

    const curve = (id) => data?.curves.find((each) => each.id === id);

    function tip(id) {
      const found = curve(id);
      if (!found) return null;
      return [named(id), ...found.points.map(([budget, loss]) => `budget ${budgetText(budget)}: loss ${number(loss)}`), ...Object.entries(found.config).slice(0, 12).map(([name, value]) => `${name}: ${value}`)];
    }

    function hover(id) {
      if (hovered && !pins.has(hovered)) chart.chart.setOption({ series: [{ id: hovered, lineStyle: { width: 1.2, opacity: 0.5 }, z: 2 }] });
      hovered = curve(id) ? id : null;
      if (hovered && !pins.has(hovered)) chart.chart.setOption({ series: [{ id: hovered, lineStyle: { width: 3.5, opacity: 1 }, z: 8 }] });
    }

    function toggle(id) {
      if (pins.has(id)) pins.delete(id);
      else if (curve(id)) pins.set(id, { ...curve(id), color: PINS.find((each) => ![...pins.values()].some((pin) => pin.color === each)) ?? PINS[0] });
      draw();
    }

    function draw() {
      if (!data?.curves.length) return;
      chart.show(() => option(data, pins, state));
      fill(list, pins.size ? [...pins.values()].map(card) : h("p", { class: "more" }, "A click on a curve pins its configuration here, to be compared with others."));
    }

    function card(pin) {
      const heading = h("h3", {}, h("i", { class: "swatch" }), named(pin.id), h("button", { class: "plain", "aria-label": `Unpin ${named(pin.id)}`, onclick: () => toggle(pin.id) }, "✕"));
      heading.firstChild.style.background = pin.color;
      return h("section", { class: "card pin", dataset: { id: pin.id } }, heading,
        h("dl", { class: "facts" }, pin.points.map(([budget, loss]) => [h("dt", {}, `budget ${budgetText(budget)}`), h("dd", {}, number(loss))]), Object.entries(pin.config).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
        h("button", { class: "link", onclick: () => open(pin.id) }, "all about it"));
    }

    function update(answer) {
      data = answer.data;
      const { first, last } = data.iterations;
      const numbers = first === null ? [] : Array.from({ length: Math.min(last - first + 1, MOST_LISTED) }, (_, i) => last - i);
      setOptions(picker.querySelector("select"), [["", "all"], ...numbers.map((each) => [each, each < 0 ? "warm start" : String(each)])], view.iteration);
      for (const [id, pin] of pins) if (curve(id)) pins.set(id, { ...curve(id), color: pin.color });
      if (!data.curves.length) { told.textContent = ""; fill(place, empty("No learning curves yet", "A configuration that has succeeded on a budget becomes a curve here; it grows with each larger budget.")); fill(list); return; }
      if (chart.element.parentNode !== place) fill(place, chart.element);
      logBox.hidden = !data.is_positive;
      told.textContent = data.curves.length < data.num_configurations ? `The best and a sample: ${count(data.curves.length)} of ${count(data.num_configurations)} configurations.` : "";
      draw();
    }

    return view;
  },
};

function option(data, pins, state) {
  const colors = ramp();
  const shown = [...data.curves, ...[...pins.values()].filter((pin) => !data.curves.some((each) => each.id === pin.id))];
  const budgets = shown.flatMap(({ points }) => points.map(([budget]) => budget));
  const losses = shown.flatMap(({ points }) => points.map(([, loss]) => loss)).sort((one, other) => one - other);
  const isLog = state.isLog && data.is_positive;
  const isLogBudget = state.logBudget && Math.min(...budgets) > 0;
  const low = losses[0];
  const high = losses[Math.max(0, Math.ceil(losses.length * 0.97) - 1)];
  const room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
  const [least, most] = [Math.min(...budgets), Math.max(...budgets)];
  return {
    grid: { left: 64, right: 24, top: 16, bottom: 56 },
    legend: { show: false },
    xAxis: axis("budget", { type: isLogBudget ? "log" : "value", min: isLogBudget ? least * 0.9 : least, max: isLogBudget ? most * 1.1 : most, axisLabel: { formatter: budgetText, ...ticks(budgets) } }),
    yAxis: axis("loss", { ...(isLog ? { type: "log" } : { min: low - room, max: high + room }), nameGap: 48, axisLabel: { formatter: (value) => number(value, 3), showMinLabel: isLog, showMaxLabel: isLog } }),
    dataZoom: [{ type: "inside", yAxisIndex: 0, filterMode: "none" }],
    series: shown.map(({ id, points }, place) => {
      const pin = pins.get(id);
      const own = pin?.color ?? colors[Math.max(0, colors.length - 1 - Math.floor((place * colors.length) / shown.length))];
      return { id, type: "line", triggerLineEvent: true, data: points, symbol: "circle", symbolSize: pin ? 9 : points.length === 1 ? 6 : 4, itemStyle: { color: own, opacity: pin ? 1 : 0.7 }, lineStyle: { color: own, width: pin ? 3.5 : 1.2, opacity: pin ? 1 : 0.5 }, z: pin ? 9 : 2, emphasis: { disabled: true } };
    }),
  };
}

// Where there are few budgets, they are the ticks.
function ticks(budgets) {
  const all = [...new Set(budgets)].sort((one, other) => one - other);
  return all.length <= 12 ? { customValues: all } : { showMinLabel: false, showMaxLabel: false };
}
