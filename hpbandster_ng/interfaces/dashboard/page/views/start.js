// The runs that there are.

import { ask } from "../api.js";
import { h, fill, empty, grid } from "../dom.js";
import { budgetText, clock, duration, number, plural } from "../format.js";

export default {
  name: "runs",
  title: "Runs",
  ask: () => ask("runs"),
  create() {
    const element = h("section", {});
    return {
      element,
      update({ runs }) {
        if (!runs.length) { fill(element, empty("No runs yet", "Runs of this place appear here when their first event is recorded.")); return; }
        fill(element, h("h2", {}, plural(runs.length, "run")), grid(["run", "kind", "state", "configurations", "incumbent", "last event"], runs.map(row), { id: "runs" }));
      },
    };
  },
};

function row({ key, name, kind, summary }) {
  const link = h("a", { href: `#/run/${key}/overview` }, name);
  if (!summary) return [link, kind, "not opened yet", "", "", ""];
  const best = summary.incumbent;
  return [link, kind, summary.state, String(summary.configurations), best ? `${number(best.loss)} on budget ${budgetText(best.budget)}` : "–",
    summary.last_event === null ? "–" : h("span", { title: clock(Date.now() / 1000 - summary.last_event) }, `${duration(summary.last_event)} ago`)];
}
