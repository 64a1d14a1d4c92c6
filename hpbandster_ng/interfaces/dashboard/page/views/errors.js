// Why runs failed.

import { ask } from "../api.js";
import { empty, fill, h } from "../dom.js";
import { budgetText, count, duration, named, plural } from "../format.js";

export default {
  name: "errors",
  title: "Errors",
  ask: (key) => ask(`runs/${key}/errors`),
  create({ open }) {
    const body = h("div", {});
    const opened = new Set();
    let drawn = null;
    return {
      element: h("section", {}, h("h2", {}, "Errors"), body),
      update({ data }) {
        const text = JSON.stringify(data);
        if (text === drawn) return;
        drawn = text;
        if (!data.num_errors) { fill(body, empty("No errors", "Runs that fail, time out, or are lost with their worker appear here, with their tracebacks, those of one kind together.")); return; }
        fill(body, h("p", { class: "more" }, `${plural(data.num_errors, "run")} without a loss, for ${plural(data.num_groups, "reason")}.`), data.groups.map((group) => draw(group, opened, open)));
      },
    };
  },
};

function draw(group, opened, open) {
  const name = `${group.state} ${group.summary}`;
  const details = h("details", { class: "card error-group", open: opened.has(name), ontoggle: () => (details.open ? opened.add(name) : opened.delete(name)) },
    h("summary", {}, h("span", { class: `state ${group.state.replaceAll(" ", "-")}` }, group.state), h("strong", {}, `${count(group.count)} ×`), h("code", {}, group.summary)),
    h("p", { class: "more" }, group.count > 1 ? `From ${duration(group.first_at)} to ${duration(group.last_at)} after the start; the last one in full.` : `${duration(group.first_at)} after the start.`),
    h("pre", { class: "error" }, group.traceback),
    h("p", {}, "Runs: ", group.examples.map(([id, budget]) => [h("button", { class: "link", onclick: () => open(id) }, `${named(id)} on budget ${budgetText(budget)}`), " "])));
  return details;
}
