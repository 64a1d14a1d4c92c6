// The configurations in a table that the server sorts and filters.

import { ask } from "../api.js";
import { check, empty, fill, h } from "../dom.js";
import { budgetText, count, duration, named, number } from "../format.js";

const PAGE = 50;
const COLUMNS = [["id", "configuration"], ["loss", "loss"], ["budget", "budget"], ["state", "state"], ["picked_by", "picked"], ["seconds", "time"]];

export default {
  name: "configurations",
  title: "Configurations",
  ask: (key, view) => ask(`runs/${key}/table`, view.query),
  create({ open, refresh }) {
    const query = { sort: "loss", descending: "", first: 0, count: PAGE, filter: "", hide_failed: "" };
    const view = { element: null, query, update };
    let typing = 0;
    const change = (more) => { Object.assign(query, { first: 0 }, more); refresh(); };
    const filter = h("input", { type: "search", id: "filter", placeholder: "adam lr<0.01 budget=27", maxlength: "200", oninput: () => { clearTimeout(typing); typing = setTimeout(() => change({ filter: filter.value }), 200); } });
    const told = h("span", { class: "more", "aria-live": "polite" });
    const back = h("button", { onclick: () => change({ first: Math.max(0, query.first - PAGE) }) }, "Previous");
    const on = h("button", { onclick: () => change({ first: query.first + PAGE }) }, "Next");
    const headRow = h("tr", {});
    const rows = h("tbody", {});
    const body = h("div", { class: "scroll" }, h("table", { id: "configurations" }, h("thead", {}, headRow), rows));
    const nothing = h("div", {});
    view.element = h("section", {}, h("h2", {}, "Configurations"),
      h("div", { class: "controls" }, h("label", { class: "choice" }, "filter", filter), check("hide failed", false, (value) => change({ hide_failed: value ? "1" : "" })), back, on, told),
      h("p", { class: "more" }, "Each with the run on the largest budget that it came to. A click on a row shows all of it; words of the filter must all hold."), body, nothing);

    function sort(name) {
      const descending = query.sort === name && !query.descending ? "1" : "";
      change({ sort: name, descending });
    }

    function heading([name, text]) {
      const is = query.sort === name;
      return h("th", { scope: "col", "aria-sort": is ? (query.descending ? "descending" : "ascending") : null }, h("button", { class: "link", onclick: () => sort(name) }, text, is ? (query.descending ? " ▼" : " ▲") : ""));
    }

    function update({ data }) {
      const parameters = data.parameters;
      fill(headRow, [...COLUMNS, ...parameters.map((name) => [`config.${name}`, name])].map(heading));
      fill(rows, data.rows.map((row) => tableRow(row, parameters, open)));
      body.hidden = !data.rows.length;
      fill(nothing, data.rows.length ? [] : data.num_configurations ? empty("Nothing is like that", "No configuration passes the filter.") : empty("No configurations yet", "Each configuration becomes a row here as soon as it is queued."));
      const last = Math.min(data.first + PAGE, data.num_found);
      told.textContent = data.num_found ? `${count(data.first + 1)} to ${count(last)} of ${count(data.num_found)}${data.num_found < data.num_configurations ? `, out of ${count(data.num_configurations)}` : ""}` : "";
      back.disabled = data.first === 0;
      on.disabled = last >= data.num_found;
    }

    return view;
  },
};

function tableRow(row, parameters, open) {
  const name = h("button", { class: "link", onclick: (event) => { event.stopPropagation(); open(row.id); } }, named(row.id));
  return h("tr", { onclick: () => open(row.id), dataset: { id: row.id } },
    h("td", {}, name), h("td", { class: "number" }, number(row.loss, 7)), h("td", { class: "number" }, budgetText(row.budget)),
    h("td", {}, h("span", { class: `state ${row.state.replaceAll(" ", "-")}` }, row.state)), h("td", {}, row.picked_by ?? "–"), h("td", { class: "number" }, duration(row.seconds)),
    parameters.map((each) => h("td", {}, row.config[each] ?? h("span", { class: "muted", title: "not active" }, "–"))));
}
