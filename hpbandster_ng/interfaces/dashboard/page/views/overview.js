// What one wants to know first.

import { ask } from "../api.js";
import { h, fill, empty, facts, grid } from "../dom.js";
import { budgetText, clock, count, duration, named, number } from "../format.js";

const FAULTS = ["failed", "invalid return", "timed out", "lost"];

export default {
  name: "overview",
  title: "Overview",
  ask: (key) => ask(`runs/${key}/overview`),
  create({ open }) {
    const element = h("section", { class: "overview" });
    let last = null;
    return {
      element,
      update({ data }) {
        const text = JSON.stringify({ ...data, last_event: null });
        if (text === last && data.state !== "running") return;
        last = text;
        fill(element, data.began === null ? empty("Nothing has happened yet", "The state of the run, its incumbent and its workers appear here with the first event of its log.") : draw(data, open));
      },
    };
  },
};

function draw(data, open) {
  const counts = data.counts;
  const failed = FAULTS.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const done = (counts.succeeded ?? 0) + failed;
  return [
    h("div", { class: "tiles" },
      tile("State", h("span", { class: `state-word ${data.state}` }, data.state), data.told),
      tile("Iterations", data.iterations.requested === null ? count(data.iterations.begun) : `${count(data.iterations.begun)} of ${count(data.iterations.requested)}`, "begun", data.iterations.requested ? data.iterations.begun / data.iterations.requested : null),
      tile("Runs", count(done), `done; ${count(counts.running ?? 0)} running, ${count(counts.queued ?? 0)} queued, ${count(failed)} failed`),
      tile("Workers", count(data.workers.here), data.workers.known ? `here; ${count(data.workers.busy)} of them compute` : "none has been heard of"),
      tile("Time", duration(data.elapsed), `since ${clock(data.began)}`),
      tile("Time left", data.seconds_left === null ? "–" : `about ${duration(data.seconds_left)}`, data.seconds_left === null ? data.why_left : `by ${data.why_left}`)),
    h("div", { class: "columns" },
      h("section", { class: "card" }, h("h2", {}, "Incumbent"), incumbent(data.incumbent, open)),
      h("section", { class: "card" }, h("h2", {}, "What happened last"), happened(data.happened))),
    h("section", { class: "card" }, h("h2", {}, "Budgets"), data.budgets.length ? budgets(data.budgets) : empty("No runs yet", "A line for each budget appears here with the first run on it.")),
    h("details", { class: "card" }, h("summary", {}, "Settings"), facts([["optimizer", data.optimizer ?? "not told"], ["configurations", count(data.configurations)], ["budget spent", budgetText(data.spent)], ...Object.entries(data.settings)])),
  ];
}

function tile(name, value, more, share = null) {
  return h("div", { class: "tile" }, h("h2", {}, name), h("p", { class: "value" }, value), share === null ? null : h("progress", { value: Math.min(1, share), max: 1, "aria-label": name }), h("p", { class: "more" }, more));
}

function incumbent(best, open) {
  if (!best) return empty("No incumbent yet", "The best configuration on the largest budget appears here with the first success.");
  return [
    h("p", { class: "value" }, number(best.loss, 7), h("small", {}, ` on budget ${budgetText(best.budget)}`)),
    h("p", { class: "more" }, h("button", { class: "link", onclick: () => open(best.id) }, `configuration ${named(best.id)}`), best.picked_by ? `, picked ${best.picked_by === "model" ? "by the model" : "at random"}` : "", `, ${duration(best.at)} after the start`),
    grid(["hyperparameter", "value"], Object.entries(best.config)),
  ];
}

function happened(list) {
  if (!list.length) return empty("Nothing notable yet", "New incumbents, failures, and workers that come and go appear here.");
  return h("ol", { class: "happened" }, list.slice(0, 10).map(([at, kind, text]) => h("li", { class: kind }, h("time", {}, duration(at)), text)));
}

function budgets(rows) {
  return grid(["budget", "succeeded", "failed", "open", "best loss", "median time"], rows.map((row) => [budgetText(row.budget), count(row.succeeded), count(row.failed), count(row.open), number(row.best), duration(row.seconds)]), { class: "numbers" });
}

