// Who computed what and when.

import { ask } from "../api.js";
import { axis, Chart, color, stateColor } from "../chart.js";
import { empty, fill, h, legend } from "../dom.js";
import { budgetText, duration, named, number, plural, timeUnit } from "../format.js";

const STATES = ["succeeded", "running", "failed", "invalid return", "timed out", "lost", "handed back", "interrupted", "cancelled"];
const LINE = 26;

export default {
  name: "workers",
  title: "Workers",
  ask: (key, view) => ask(`runs/${key}/workers`, view.query),
  create({ open, refresh }) {
    const query = { begin: null, end: null, first: 0 };
    let data = null;
    let waiting = 0;
    const chart = new Chart("What each worker computed").tips(({ data: item }) => item?.tip).on("click", ({ data: item }) => item?.id && open(item.id)).on("datazoom", zoomed);
    const told = h("p", { class: "more" });
    const place = h("div", {});
    const whole = h("button", { onclick: () => { query.begin = query.end = null; isZooming = true; refresh(); } }, "All of the time");
    const back = h("button", { onclick: () => { query.first = Math.max(0, query.first - data.workers.length); refresh(); } }, "Previous workers");
    const on = h("button", { onclick: () => { query.first += data.workers.length; refresh(); } }, "Next workers");
    let isZooming = false;
    const element = h("section", {}, h("h2", {}, "Workers"), h("div", { class: "controls" }, whole, back, on), told, legend(STATES.map((state) => [`box state ${state.replaceAll(" ", "-")}`, state]).concat([["box absent", "not there"]])), place);

    function zoomed() {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        const zoom = chart.chart.getOption().dataZoom[0];
        const span = data.now || 1;
        const isWhole = zoom.start <= 0.01 && zoom.end >= 99.99;
        query.begin = isWhole ? null : (zoom.start / 100) * span;
        query.end = isWhole ? null : (zoom.end / 100) * span;
        refresh();
      }, 250);
    }

    function update(answer) {
      data = answer.data;
      back.hidden = on.hidden = data.workers.length >= data.num_workers;
      back.disabled = data.first === 0;
      on.disabled = data.first + data.workers.length >= data.num_workers;
      if (!data.workers.length) { told.textContent = ""; fill(place, empty("No workers known", "Each worker becomes a line here, with a bar for each run that it computed. A folder of results does not tell who computed what.")); return; }
      const { losses, retries } = data;
      told.textContent = `${plural(data.num_workers, "worker")}; ${plural(losses, "attempt")} lost with a worker, ${plural(retries, "further attempt")}. ${data.bins.length ? "Each worker's time in steps, the stronger the busier; zoom in by the wheel for single runs." : "Zoom by the wheel; a click on a bar shows the configuration."}`;
      if (chart.element.parentNode !== place) fill(place, chart.element);
      chart.element.style.height = `${130 + LINE * data.workers.length}px`;
      chart.chart?.resize();
      chart.show(() => option(data, query, isZooming));
      isZooming = false;
    }

    return { element, query, update, destroy: () => { clearTimeout(waiting); chart.destroy(); } };
  },
};

function option(data, query, isReset) {
  const unit = timeUnit(data.end - data.begin);
  const share = ({ computing, present }) => (present > 0 ? `${Math.round(100 * Math.min(1, computing / present))} %` : "–");
  const names = data.workers.map((worker) => worker.name);
  const zoom = { type: "inside", xAxisIndex: 0, filterMode: "none" };
  const slider = { type: "slider", xAxisIndex: 0, filterMode: "none", bottom: 8, height: 18, showDetail: false, brushSelect: false, borderColor: color("line"), fillerColor: `${color("accent")}22`, showDataShadow: false };
  const span = data.now || 1;
  const range = isReset || query.begin === null ? (isReset ? { start: 0, end: 100 } : {}) : { start: (100 * query.begin) / span, end: (100 * query.end) / span };
  return {
    grid: { left: 150, right: 64, top: 12, bottom: 76 },
    legend: { show: false },
    xAxis: axis(`time since the start [${unit.name}]`, { min: 0, max: span, scale: false, axisLabel: { formatter: (value) => number(value / unit.size, 3), showMaxLabel: false } }),
    yAxis: [
      { type: "category", data: names, inverse: true, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: color("text"), width: 136, overflow: "truncate", interval: 0 }, splitLine: { show: true, lineStyle: { color: color("faint") } } },
      { type: "category", data: data.workers.map(share), inverse: true, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: color("muted"), interval: 0 }, position: "right" },
    ],
    dataZoom: [{ ...zoom, ...range }, { ...slider, ...range }],
    series: [
      { type: "custom", clip: true, renderItem: rectangle(0.5, false), encode: { x: [1, 2], y: 0 }, data: data.absences.map(([worker, begin, end, reason]) => ({ value: [worker, begin, end], tip: ["not there", reason, `from ${duration(begin)} to ${duration(end)}`], itemStyle: { color: color("absent") } })) },
      { type: "custom", clip: true, renderItem: rectangle(0.68, !data.bins.length), encode: { x: [1, 2], y: 0 }, data: data.bins.length ? bins(data) : bars(data) },
      { type: "custom", yAxisIndex: 1, renderItem: () => null, data: [] },
    ],
  };
}

function bars(data) {
  return data.bars.map(([worker, begin, end, state, id, budget, attempt]) => ({ value: [worker, begin, end], id, tip: [named(id), `budget ${budgetText(budget)}, ${state}${attempt > 1 ? `, attempt ${attempt}` : ""}`, `${duration(end - begin)}, from ${duration(begin)} on`], itemStyle: { color: stateColor(state) } }));
}

function bins(data) {
  const width = (data.end - data.begin) / data.num_bins;
  return data.bins.map(([worker, place, share]) => ({ value: [worker, data.begin + place * width, data.begin + (place + 1) * width], tip: [data.workers[worker].name, `${Math.round(share * 100)} % computing`, `from ${duration(data.begin + place * width)} on`], itemStyle: { color: color("state-succeeded"), opacity: 0.15 + 0.85 * share } }));
}

function rectangle(share, hasGaps) {
  return (params, api) => {
    const [from, middle] = api.coord([api.value(1), api.value(0)]);
    const [left, right] = [Math.round(from), Math.round(api.coord([api.value(2), api.value(0)])[0])];
    const height = api.size([0, 1])[1] * share;
    const gap = hasGaps && right - left > 4 ? 1 : 0;
    const shape = echarts.graphic.clipRectByRect({ x: left, y: middle - height / 2, width: Math.max(right - left - gap, 1), height }, params.coordSys);
    return shape && { type: "rect", shape, style: api.style() };
  };
}
