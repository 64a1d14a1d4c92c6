// Which hyperparameters the loss depends on, and how.

import { ask } from "../api.js";
import { axis, Chart, color } from "../chart.js";
import { empty, fill, grid, h } from "../dom.js";
import { budgetText, count, number } from "../format.js";

const percent = (share) => `${(100 * share).toFixed(share < 0.095 ? 1 : 0)} %`;

export default {
  name: "importance",
  title: "Importance",
  ask: (key) => ask(`runs/${key}/importance`),
  create() {
    const body = h("div", {}, h("p", { class: "more" }, "It is being computed, which takes a second or two for a long run."));
    let charts = [];
    let drawn = null;
    const clear = () => { charts.forEach((chart) => chart.destroy()); charts = []; };

    return {
      element: h("section", {}, h("h2", {}, "Importance of the hyperparameters"), body),
      destroy: clear,
      update({ data }) {
        const text = JSON.stringify(data);
        if (text === drawn) return;
        drawn = text;
        clear();
        if (!data.effects.length) { fill(body, empty("Too little is known yet", `With a loss of ten configurations that differ, the share of each hyperparameter in the variance of the loss appears here; ${count(data.num_configurations)} have one so far.`)); return; }
        charts = data.curves.map(() => new Chart("Partial dependence", "chart small"));
        fill(body,
          h("p", { class: "more" }, `The share of each hyperparameter in the variance of the loss (fANOVA), by itself and with all its interactions, from ${count(data.num_used)} of ${count(data.num_configurations)} configurations; losses are as on budget ${budgetText(data.budget)}${data.is_log ? ", compared by their logarithms" : ""}. `, quality(data.explained)),
          h("section", { class: "card" }, h("div", { class: "bars" }, data.effects.map(bar)), h("p", { class: "more" }, "Full color: by itself. Light: with its interactions. Grey names cannot be told from noise.")),
          data.interactions.length ? h("section", { class: "card" }, h("h3", {}, "Interactions"), grid(["hyperparameters", "share"], data.interactions.map(({ names, share }) => [names.join(" and "), percent(share)]))) : null,
          h("h2", {}, "Partial dependence"),
          h("p", { class: "more" }, "The loss that is expected at a value, averaged over all values of the others; the band is how much the trees of the model differ. It is the change that counts, not the height."),
          h("div", { class: "smalls" }, data.curves.map((curve, i) => h("section", {}, h("h3", {}, curve.name), charts[i].element))));
        data.curves.forEach((curve, i) => charts[i].tips(({ dataIndex, seriesName }) => (seriesName === "loss" ? [`${curve.name} = ${curve.type === "category" ? curve.values[dataIndex] : number(curve.values[dataIndex])}`, `expected loss ${number(curve.loss[dataIndex])}`] : null)).show(() => option(curve)));
      },
    };
  },
};

function quality(explained) {
  return explained < 0.3 ? `The model explains ${percent(Math.max(0, explained))} of the variance: too little to rely on the figures.` : `The model explains ${percent(explained)} of the variance.`;
}

function bar({ name, main, total, spread, is_told: isTold }) {
  const whole = h("span", { class: "total" });
  const own = h("span", { class: "main" });
  whole.style.setProperty("--share", `${Math.min(100, 100 * total)}%`);
  own.style.setProperty("--share", `${Math.min(100, 100 * main)}%`);
  return [h("span", { class: isTold ? "" : "noise" }, name), h("span", { class: "track" }, whole, own), h("span", { class: isTold ? "" : "noise", title: `spread ${percent(spread)}` }, `${percent(main)} / ${percent(total)}`)];
}

function option(curve) {
  const isCategory = curve.type === "category";
  const at = (values) => (isCategory ? values : values.map((value, i) => [curve.values[i], value]));
  const [low, high] = [Math.min(...curve.low), Math.max(...curve.high)];
  const room = (high - low) * 0.08 || Math.abs(high) * 0.05 || 1;
  const line = { type: "line", symbol: "none", silent: true, lineStyle: { width: 1, color: color("accent"), opacity: 0.35, type: "dashed" } };
  const x = isCategory ? { type: "category", data: curve.values, splitLine: { show: false } } : { type: curve.type === "log" ? "log" : "value", min: curve.values[0], max: curve.values.at(-1), axisLabel: { formatter: (value) => number(value, 2), showMinLabel: true } };
  return {
    grid: { left: 58, right: 18, top: 12, bottom: 28 },
    legend: { show: false },
    xAxis: axis("", x),
    yAxis: axis("", { min: low - room, max: high + room, axisLabel: { formatter: (value) => number(value, 3), showMinLabel: false, showMaxLabel: false } }),
    series: [
      isCategory ? { name: "loss", type: "scatter", symbolSize: 10, itemStyle: { color: color("accent") }, data: at(curve.loss) } : { name: "loss", type: "line", symbol: "circle", symbolSize: 5, showSymbol: true, lineStyle: { width: 2, color: color("accent") }, itemStyle: { color: color("accent") }, data: at(curve.loss) },
      { ...line, name: "low", data: at(curve.low) },
      { ...line, name: "high", data: at(curve.high) },
    ],
  };
}
