// Two runs beside each other.

import { ask } from "../api.js";
import { axis, Chart, color } from "../chart.js";
import { choice, empty, fill, grid, h } from "../dom.js";
import { budgetText, count, duration, number, timeUnit } from "../format.js";

export default {
  name: "compare",
  title: "Compare",
  ask: (key, view) => (view.other ? ask(`compare/${key}/${view.other}`) : Promise.resolve({ data: null })),
  create({ key, other, runs, refresh }) {
    const state = { x: "time", budget: "" };
    let data = null;
    const others = () => runs().filter((run) => run.key !== key);
    const name = (wanted) => runs().find((run) => run.key === wanted)?.name ?? "?";
    const chart = new Chart("Incumbents of two runs").tips(({ data: item }) => item?.tip);
    const place = h("div", {});
    const below = h("div", {});
    const budgets = choice("on", [["", "all budgets"]], "", (value) => { state.budget = value; draw(); });
    const element = h("section", {}, h("h2", {}, "Compare"),
      h("div", { class: "controls" }, choice("with", [["", "choose a run"], ...others().map((run) => [run.key, run.name])], other ?? "", (value) => { view.other = value; refresh(); }), choice("over", [["time", "time"], ["spent", "budget spent"]], "time", (value) => { state.x = value; draw(); }), budgets), place, below);
    const view = { element, other, update, destroy: () => chart.destroy() };

    function draw() {
      if (data) chart.show(() => option(data, state, [name(key), name(view.other)]));
    }

    function update(answer) {
      data = answer.data;
      if (!data) { fill(place, empty("Which other run?", "Choose another run of this place to see both beside each other.")); fill(below); return; }
      if (chart.element.parentNode !== place) fill(place, chart.element);
      const select = budgets.querySelector("select");
      fill(select, h("option", { value: "" }, "all budgets"), data.budgets.map(({ budget }, i) => h("option", { value: String(i), selected: state.budget === String(i) }, `budget ${budgetText(budget)}`)));
      draw();
      const [one, two] = data.runs;
      fill(below, grid(["", name(key), name(view.other)], summary(one, two), { id: "comparison" }),
        h("h3", {}, "Settings that differ"),
        data.settings.length ? grid(["setting", name(key), name(view.other)], data.settings.map(([setting, ...values]) => [setting, ...values.map((value) => value ?? "not told")])) : h("p", { class: "more" }, "None."),
        h("p", { class: "more" }, data.has_same_space === null ? "The search space of one of them is not told." : data.has_same_space ? "Both search the same space." : "Their search spaces differ."));
    }

    return view;
  },
};

function summary(one, two) {
  const row = (name, describe) => [name, describe(one), describe(two)];
  return [
    row("optimizer", (run) => run.optimizer ?? "not told"),
    row("state", (run) => run.state),
    row("incumbent's loss", ({ incumbent }) => (incumbent ? `${number(incumbent.loss, 7)} on budget ${budgetText(incumbent.budget)}` : "–")),
    row("found after", ({ incumbent }) => (incumbent ? duration(incumbent.at) : "–")),
    row("configurations", (run) => count(run.configurations)),
    row("iterations", (run) => count(run.iterations.begun)),
    row("budget spent", (run) => budgetText(run.spent)),
    row("time", (run) => duration(run.elapsed)),
  ];
}

function option(data, state, names) {
  const byTime = state.x === "time";
  const ends = data.runs.map((run) => (byTime ? run.end : run.spent));
  const unit = byTime ? timeUnit(Math.max(...ends)) : { name: "", size: 1 };
  const colors = [color("accent"), color("neutral")];
  const all = state.budget === "" ? data.runs.map((run) => run.incumbents) : data.budgets[Number(state.budget)].best;
  return {
    grid: { left: 64, right: 24, top: 44, bottom: 56 },
    legend: { top: 4, left: 0, textStyle: { color: color("text") } },
    xAxis: axis(byTime ? `time since the start [${unit.name}]` : "budget spent", { min: 0, max: Math.max(...ends) / unit.size || 1, axisLabel: { showMaxLabel: false } }),
    yAxis: axis("loss", { nameGap: 48, axisLabel: { formatter: (value) => number(value, 3) } }),
    series: all.map((changes, i) => {
      const points = changes.map((change) => ({ value: [(byTime ? change[0] : change[1]) / unit.size, change[3]], tip: [names[i], `loss ${number(change[3])} on budget ${budgetText(change[2])}`, `after ${duration(change[0])}, ${budgetText(change[1])} spent`] }));
      if (points.length) points.push({ value: [ends[i] / unit.size, changes.at(-1)[3]], symbol: "none" });
      return { id: `run ${i}`, name: i && names[0] === names[1] ? `${names[1]} (2)` : names[i], type: "line", step: "end", symbol: "circle", symbolSize: 7, lineStyle: { width: 2, color: colors[i] }, itemStyle: { color: colors[i] }, data: points };
    }),
  };
}
