// All about one configuration, in a dialog.

import { ask } from "./api.js";
import { h, fill, facts, grid } from "./dom.js";
import { budgetText, duration, named, number } from "./format.js";

const drawer = document.getElementById("drawer");
drawer.addEventListener("click", (event) => { if (event.target === drawer) drawer.close(); });

export async function showConfiguration(key, id) {
  let found;
  try {
    found = (await ask(`runs/${key}/configuration`, { id })).data;
  } catch (error) {
    fill(drawer, top(id), h("p", {}, error.message));
    if (!drawer.open) drawer.showModal();
    return;
  }
  fill(drawer,
    top(id),
    h("h3", {}, "Values"),
    grid(["hyperparameter", "value"], Object.entries(found.config)),
    Object.keys(found.info).length ? [h("h3", {}, "How it was picked"), facts(Object.entries(found.info))] : null,
    h("h3", {}, "Runs"),
    found.runs.map(describe));
  if (!drawer.open) drawer.showModal();
}

function top(id) {
  return h("div", { class: "top" }, h("h2", {}, `Configuration ${named(id)}`), h("button", { class: "plain", onclick: () => drawer.close(), autofocus: true }, "Close"));
}

function describe(run) {
  const took = run.started !== null && run.finished !== null ? run.finished - run.started : null;
  const waited = run.started !== null && run.submitted !== null ? run.started - run.submitted : null;
  return h("section", { class: "card" },
    facts([
      ["budget", budgetText(run.budget)],
      ["state", h("span", { class: `state ${run.state.replaceAll(" ", "-")}` }, run.state)],
      ["loss", number(run.loss, 9)],
      ["worker", run.worker ?? "–"],
      run.attempts > 1 ? ["attempts", String(run.attempts)] : null,
      ["waited", duration(waited)],
      ["took", duration(took)],
    ]),
    run.info === null ? null : [h("h4", {}, "info"), h("pre", {}, run.info)],
    run.error === null ? null : [h("h4", {}, "error"), h("pre", { class: "error" }, run.error)]);
}
