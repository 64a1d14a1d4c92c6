// Elements, made without markup: whatever a run holds is text and never anything else.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function empty(title, text) {
  return h("div", { class: "empty" }, h("strong", {}, title), h("p", {}, text));
}

export function choice(label, options, value, onchange) {
  const select = h("select", { onchange: () => onchange(select.value) });
  setOptions(select, options, value);
  return h("label", { class: "choice" }, label, select);
}

export function setOptions(select, options, value) {
  const wanted = JSON.stringify([options, String(value)]);
  if (select.dataset.wanted === wanted) return;
  select.dataset.wanted = wanted;
  fill(select, options.map(([key, text]) => h("option", { value: String(key), selected: String(key) === String(value) }, text)));
}

export function check(label, value, onchange) {
  const box = h("input", { type: "checkbox", checked: value, onchange: () => onchange(box.checked) });
  return h("label", { class: "choice" }, box, label);
}

export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

export function grid(heads, rows, attributes = {}) {
  return h("div", { class: "scroll" }, h("table", attributes,
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell)))))));
}

export function legend(entries) {
  return h("ul", { class: "legend" }, entries.map(([className, text]) => h("li", {}, h("i", { class: className }), text)));
}
