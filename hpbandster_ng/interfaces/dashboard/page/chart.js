// A chart that follows the theme and the size of its place, with tips of our own.

import { h, fill } from "./dom.js";

export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const RAMPS = {
  light: ["#9ecae1", "#56a3cf", "#2f7fb8", "#2b5c9e", "#3b3a86", "#432371"],
  dark: ["#2c5f87", "#3f86b5", "#59a9cf", "#8cc9de", "#bfe3dd", "#f1f7cf"],
};

export const isDark = () => document.documentElement.dataset.theme === "dark";

// The color of a budget: the larger, the stronger.
export function budgetColor(place, all) {
  const ramp = isDark() ? RAMPS.dark : RAMPS.light;
  return ramp[all < 2 ? ramp.length - 2 : Math.round((place * (ramp.length - 1)) / (all - 1))];
}

export const ramp = () => (isDark() ? RAMPS.dark : RAMPS.light);

export const stateColor = (state) => color(`state-${state.replaceAll(" ", "-")}`) || color("muted");

export function axis(name, more = {}) {
  const { axisLabel = {}, ...rest } = more;
  return {
    type: "value", name, nameLocation: "middle", nameGap: 30, scale: true,
    nameTextStyle: { color: color("muted"), fontSize: 12 },
    axisLine: { show: true, lineStyle: { color: color("line") } },
    axisTick: { show: false },
    axisLabel: { color: color("muted"), hideOverlap: true, ...axisLabel },
    splitLine: { lineStyle: { color: color("faint") } },
    ...rest,
  };
}

export class Chart {
  constructor(label, className = "chart") {
    this.place = h("div", { class: "canvas" });
    this.tip = h("div", { class: "tip", hidden: true });
    this.element = h("div", { class: className, role: "img", "aria-label": label }, this.place, this.tip);
    this.chart = null;
    this.draw = null;
    this.watch = new ResizeObserver(() => this.chart?.resize());
    this.retheme = () => this.draw && this.show(this.draw);
    this.handlers = [];
    addEventListener("themechange", this.retheme);
  }

  on(event, handler) { this.handlers.push([event, handler]); return this; }

  // What lines to show under the mouse: describe(params) gives [title, ...lines], or null.
  tips(describe) { this.describe = describe; return this; }

  // draw() gives an option; it is called again when the theme changes.
  show(draw) {
    this.draw = draw;
    if (!this.chart) this.#begin();
    const option = draw();
    this.chart.setOption({ animation: false, textStyle: { fontFamily: color("font") }, ...option }, { replaceMerge: ["series", "xAxis", "yAxis", "parallelAxis", "legend", "visualMap"] });
  }

  #begin() {
    this.chart = echarts.init(this.place, null, { renderer: "canvas" });
    this.watch.observe(this.place);
    for (const [event, handler] of this.handlers) this.chart.on(event, handler);
    this.chart.on("mouseover", (params) => this.#tell(params));
    this.chart.on("mouseout", () => { this.tip.hidden = true; });
    this.chart.on("globalout", () => { this.tip.hidden = true; });
  }

  #tell(params) {
    const lines = this.describe?.(params);
    if (!lines) { this.tip.hidden = true; return; }
    fill(this.tip, h("strong", {}, lines[0]), lines.slice(1).map((line) => h("div", {}, line)));
    this.tip.hidden = false;
    const { offsetX, offsetY } = params.event;
    const { clientWidth, clientHeight } = this.element;
    const left = offsetX + 16 + this.tip.offsetWidth > clientWidth ? offsetX - this.tip.offsetWidth - 12 : offsetX + 16;
    const top = Math.min(offsetY + 12, clientHeight - this.tip.offsetHeight - 4);
    this.tip.style.left = `${Math.max(0, left)}px`;
    this.tip.style.top = `${Math.max(0, top)}px`;
  }

  destroy() {
    removeEventListener("themechange", this.retheme);
    this.watch.disconnect();
    this.chart?.dispose();
  }
}
