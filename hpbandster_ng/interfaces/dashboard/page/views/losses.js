// The incumbent over time and over budget.

import { ask } from "../api.js";
import { axis, budgetColor, Chart, color } from "../chart.js";
import { check, choice, empty, fill, h } from "../dom.js";
import { budgetText, count, duration, named, number, timeUnit } from "../format.js";

export default {
  name: "losses",
  title: "Incumbent",
  ask: (key) => ask(`runs/${key}/losses`),
  create({ open }) {
    const state = { x: "time", isLog: false, hasAll: false };
    const chart = new Chart("Losses of the runs and the incumbent").tips(({ data }) => data?.tip).on("click", ({ data }) => data?.id && open(data.id));
    const told = h("p", { class: "more" });
    const body = h("div", {});
    let data = null;
    const draw = () => { if (data) update(data); };
    const logBox = check("logarithmic loss", false, (on) => { state.isLog = on; draw(); });
    const element = h("section", {}, h("h2", {}, "Incumbent"),
      h("div", { class: "controls" }, choice("over", [["time", "time"], ["spent", "budget spent"]], "time", (x) => { state.x = x; draw(); }), logBox, check("all losses, far ones too", false, (on) => { state.hasAll = on; draw(); })),
      told, body);

    function update(now) {
      data = now;
      if (!now.num_runs) { fill(body, empty("No losses yet", "Each run that succeeds becomes a point here, and the incumbent a line.")); return; }
      if (chart.element.parentNode !== body) fill(body, chart.element);
      logBox.hidden = !now.is_positive;
      told.textContent = now.num_shown < now.num_runs ? `The best and a sample: ${count(now.num_shown)} of ${count(now.num_runs)} successful runs. A click shows the configuration.` : "A point is a successful run; a click shows its configuration.";
      chart.show(() => option(now, state));
    }

    return { element, update: (answer) => update(answer.data), destroy: () => chart.destroy() };
  },
};

function option(data, state) {
  const byTime = state.x === "time";
  const end = byTime ? data.end : data.spent;
  const unit = byTime ? timeUnit(end) : { name: "", size: 1 };
  const isLog = state.isLog && data.is_positive;
  const [low, high] = data.usual;
  const room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
  const limits = state.hasAll || isLog ? {} : { min: low - room, max: high + room };
  const at = (point) => (byTime ? point[0] : point[1]) / unit.size;
  const points = data.budgets.map(({ budget, runs }, place) => ({
    name: `budget ${budgetText(budget)}`, type: "scatter", symbolSize: 6, z: 2,
    itemStyle: { color: budgetColor(place, data.budgets.length), opacity: 0.75 },
    data: runs.map((run) => ({ value: [at(run), run[2]], id: run[3], tip: [named(run[3]), `loss ${number(run[2])} on budget ${budgetText(budget)}`, `after ${duration(run[0])}`] })),
  }));
  const best = data.incumbents;
  const steps = best.map((change) => ({ value: [at(change), change[3]], id: change[4], tip: [`incumbent ${named(change[4])}`, `loss ${number(change[3])} on budget ${budgetText(change[2])}`, `after ${duration(change[0])}`] }));
  if (best.length) steps.push({ value: [end / unit.size, best.at(-1)[3]], symbol: "none" });
  return {
    grid: { left: 64, right: 24, top: 44, bottom: 56 },
    legend: { type: "scroll", top: 4, left: 0, textStyle: { color: color("text") }, pageTextStyle: { color: color("muted") } },
    xAxis: axis(byTime ? `time since the start [${unit.name}]` : "budget spent", { min: 0, max: end / unit.size || 1, axisLabel: { showMaxLabel: false } }),
    yAxis: axis("loss", { ...(isLog ? { type: "log" } : limits), nameGap: 48, axisLabel: { formatter: (value) => number(value, 3), showMinLabel: state.hasAll || isLog, showMaxLabel: state.hasAll || isLog } }),
    dataZoom: [{ type: "inside", xAxisIndex: 0, filterMode: "none" }, { type: "inside", yAxisIndex: 0, filterMode: "none", zoomOnMouseWheel: "shift" }],
    series: [...points, { name: "incumbent", type: "line", step: "end", z: 4, symbol: "circle", symbolSize: 8, lineStyle: { color: color("accent"), width: 2 }, itemStyle: { color: color("accent") }, data: steps }],
  };
}
