// Whether small budgets foretell large ones.

import { ask } from "../api.js";
import { empty, fill, h } from "../dom.js";
import { budgetText, count } from "../format.js";

export default {
  name: "correlation",
  title: "Budget correlation",
  ask: (key) => ask(`runs/${key}/correlation`),
  create() {
    const body = h("div", {});
    return {
      element: h("section", {}, h("h2", {}, "Rank correlation of budgets"), h("p", { class: "more" }, "Near 1, a small budget ranks configurations as a large one does, which is what makes successive halving work. Below each figure stands on how many configurations it rests; fewer than three tell nothing."), body),
      update({ data }) {
        if (data.budgets.length < 2) { fill(body, empty("Nothing to compare yet", "When configurations have succeeded on two budgets, their rank correlation appears here.")); return; }
        fill(body, h("div", { class: "scroll" }, h("table", { class: "matrix" },
          h("thead", {}, h("tr", {}, h("th", {}, "budget"), data.budgets.map((budget) => h("th", { scope: "col" }, budgetText(budget))))),
          h("tbody", {}, data.budgets.map((budget, large) => h("tr", {}, h("th", { scope: "row" }, budgetText(budget)), data.budgets.map((_, small) => cell(data, small, large))))))));
      },
    };
  },
};

function cell(data, small, large) {
  if (small > large) return h("td", {});
  if (small === large) return h("td", { class: "diagonal" }, h("small", {}, `n = ${count(data.counts[large])}`));
  const [, , rho, amount] = data.cells.find(([one, other]) => one === small && other === large);
  const td = h("td", {}, rho === null ? "–" : rho.toFixed(2), h("small", {}, `n = ${count(amount)}`));
  if (rho !== null) {
    td.style.setProperty("--strength", `${Math.round(Math.abs(rho) * 85)}%`);
    td.className = rho < 0 ? "negative" : "positive";
  }
  return td;
}
