// Which configuration stands where.

import { ask } from "../api.js";
import { empty, fill, h, legend } from "../dom.js";
import { budgetText, count, named, number } from "../format.js";

const STANDINGS = ["running", "queued", "went on", "completed", "waits", "out", "failed", "lost", "cancelled"];
const css = (standing) => `cell ${standing.replaceAll(" ", "-")}`;

export default {
  name: "brackets",
  title: "Brackets",
  ask: (key, view) => ask(`runs/${key}/brackets`, { last: view.last }),
  create({ open, refresh }) {
    const body = h("div", { class: "brackets" });
    const told = h("span", { class: "more" });
    const older = h("button", { onclick: () => move(-1) }, "Older");
    const newer = h("button", { onclick: () => move(1) }, "Newer");
    const element = h("section", {}, h("h2", {}, "Brackets and rungs"),
      h("div", { class: "controls" }, newer, older, told),
      legend(STANDINGS.map((standing) => [css(standing), standing])), body);
    body.addEventListener("click", (event) => { const { id } = event.target.dataset; if (id) open(id); });
    let data = null;
    let drawn = null;
    const view = { element, last: null, update };

    function move(step) {
      const shown = data.iterations.map((each) => each.iteration);
      view.last = step < 0 ? Math.min(...shown) - 1 : Math.max(...shown) + 8;
      if (view.last >= data.last) view.last = null;
      refresh();
    }

    function update(answer) {
      data = answer.data;
      const shown = data.iterations.map((each) => each.iteration);
      older.disabled = !shown.length || Math.min(...shown) <= data.first;
      newer.disabled = view.last === null;
      if (!shown.length) { told.textContent = ""; fill(body, empty("No iterations yet", "Each iteration becomes a row of rungs here, with a square for each configuration.")); return; }
      told.textContent = shown.length < data.num_iterations ? `${count(shown.length)} of ${count(data.num_iterations)} iterations` : "";
      const text = JSON.stringify(data.iterations);
      if (text === drawn) return;
      drawn = text;
      fill(body, data.iterations.map(iteration));
    }

    return view;
  },
};

function iteration({ iteration: name, rungs }) {
  return h("article", { class: "card" },
    h("h3", {}, name < 0 ? "Warm start" : `Iteration ${name}`),
    rungs.length ? h("div", { class: "rungs" }, rungs.map(rung)) : h("p", { class: "more" }, "It has no configuration of its own: others go on in it, or none was begun."));
}

function rung({ budget, counts, cells, more }) {
  const total = Object.values(counts).reduce((sum, each) => sum + each, 0);
  return h("section", { class: "rung" },
    h("h4", {}, `budget ${budgetText(budget)}`, h("small", {}, ` ${count(total)}`)),
    h("div", { class: "cells" }, cells.map(([id, standing, loss]) => h("button", { class: css(standing), dataset: { id }, title: `${named(id)} ${standing}${loss === null ? "" : `, loss ${number(loss)}`}`, "aria-label": `${named(id)} ${standing}` }))),
    more ? h("p", { class: "more" }, `and ${count(more)} more`) : null,
    h("p", { class: "more" }, Object.entries(counts).map(([standing, amount]) => `${count(amount)} ${standing}`).join(", ")));
}
