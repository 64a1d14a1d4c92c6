// Model-based against random picks.

import { ask } from "../api.js";
import { axis, Chart, color } from "../chart.js";
import { choice, empty, fill, grid, h, setOptions } from "../dom.js";
import { budgetText, count, number } from "../format.js";

export default {
  name: "model",
  title: "Model and random",
  ask: (key) => ask(`runs/${key}/model`),
  create() {
    let data = null;
    let chosen = null;
    const chart = new Chart("Losses of configurations picked by the model and at random").tips(({ data: bar }) => bar?.tip);
    const place = h("div", {});
    const table = h("div", {});
    const picker = choice("budget", [], "", (value) => { chosen = value; draw(); });
    const element = h("section", {}, h("h2", {}, "Model-based picks against random ones"), h("div", { class: "controls" }, picker), place, table);

    function draw() {
      const usable = data.budgets;
      const found = usable.find((each) => String(each.budget) === chosen) ?? [...usable].reverse().find((each) => each.random.count && each.model.count) ?? usable.at(-1);
      setOptions(picker.querySelector("select"), usable.map((each) => [each.budget, budgetText(each.budget)]), found.budget);
      chart.show(() => option(found));
    }

    return {
      element,
      update(answer) {
        data = answer.data;
        if (!data.budgets.length) { fill(place, empty("No picks to compare yet", data.model + data.random ? "The losses of both kinds appear here when the first runs have succeeded." : "The optimizer does not tell which of its picks are random: there is nothing to compare.")); fill(table); return; }
        if (chart.element.parentNode !== place) fill(place, chart.element);
        draw();
        fill(table, grid(["budget", "by the model", "median", "best", "at random", "median", "best"], data.budgets.map(({ budget, model, random }) => [budgetText(budget), count(model.count), number(model.median), number(model.best), count(random.count), number(random.median), number(random.best)]), { class: "numbers" }));
      },
      destroy: () => chart.destroy(),
    };
  },
};

function option({ edges, random, model, is_capped: isCapped }) {
  const names = edges.slice(0, -1).map((edge) => number(edge, 3));
  const bars = (found, name) => found.bins.map((amount, i) => ({ value: found.count ? amount / found.count : 0, tip: [name, `loss ${number(edges[i], 4)} to ${isCapped && i === found.bins.length - 1 ? "any" : number(edges[i + 1], 4)}`, `${count(amount)} of ${count(found.count)}`] }));
  return {
    grid: { left: 64, right: 24, top: 44, bottom: 56 },
    legend: { top: 4, left: 0, textStyle: { color: color("text") } },
    xAxis: axis(isCapped ? "loss (the last bar holds all that are higher)" : "loss", { type: "category", data: names, splitLine: { show: false } }),
    yAxis: axis("share of the picks", { nameGap: 44, axisLabel: { formatter: (value) => `${Math.round(value * 100)} %` } }),
    series: [
      { name: "by the model", type: "bar", barGap: 0, itemStyle: { color: color("accent") }, data: bars(model, "by the model") },
      { name: "at random", type: "bar", itemStyle: { color: color("neutral") }, data: bars(random, "at random") },
    ],
  };
}
