// The frame of the page: which run and which view, and when they are drawn again.

import { ask, Refused, Stream } from "./api.js";
import { h, fill, empty } from "./dom.js";
import { isDark } from "./chart.js";
import { showConfiguration } from "./drawer.js";
import start from "./views/start.js";
import overview from "./views/overview.js";
import losses from "./views/losses.js";
import pareto from "./views/pareto.js";
import brackets from "./views/brackets.js";
import curves from "./views/curves.js";
import coordinates from "./views/coordinates.js";
import table from "./views/table.js";
import correlation from "./views/correlation.js";
import model from "./views/model.js";
import workers from "./views/workers.js";
import errors from "./views/errors.js";
import importance from "./views/importance.js";
import compare from "./views/compare.js";

const VIEWS = [overview, losses, pareto, brackets, curves, coordinates, table, correlation, model, workers, errors, importance, compare];
const FASTEST = 250; // milliseconds between two questions for the same view
const PATIENCE = 4; // a view that takes long to draw is asked for less often
const BEAT = 5000; // times go on though nothing happens

const head = document.getElementById("head");
const nav = document.getElementById("nav");
const banner = document.getElementById("banner");
const content = document.getElementById("content");

const page = { runs: [], key: null, view: null, shown: null, stream: null, isLive: false, condition: null, timer: null, isBusy: false, isStale: false, next: 0 };

function place() {
  const [, kind, key, name, other] = location.hash.split("/");
  if (kind !== "run" || !key) return { key: null, view: start, other: null };
  return { key, view: VIEWS.find((view) => view.name === name) ?? overview, other: other ?? null };
}

async function go() {
  const { key, view, other } = place();
  if (key !== page.key) follow(key);
  page.shown?.destroy?.();
  page.view = view;
  page.shown = view.create({ key, other, runs: () => page.runs, open: (id) => showConfiguration(page.key, id), refresh, go: (hash) => { location.hash = hash; } });
  fill(content, page.shown.element);
  drawFrame();
  page.isBusy = false;
  page.next = 0;
  page.generation = (page.generation ?? 0) + 1;
  await refresh();
}

function follow(key) {
  page.stream?.close();
  page.key = key;
  page.stream = null;
  page.condition = null;
  if (key === null) return;
  page.stream = new Stream(key, (message) => { page.condition = message; drawBanner(); refresh(); }, (isLive) => { page.isLive = isLive; drawBanner(); drawLamp(); });
}

// Ask for what the view shows, and draw it; one question at a time, and another one if something has changed since.
async function refresh() {
  if (page.isBusy || document.hidden) { page.isStale = true; return; }
  const wait = page.next - performance.now();
  if (wait > 0) { clearTimeout(page.timer); page.timer = setTimeout(refresh, wait); return; }
  const generation = page.generation;
  page.isBusy = true;
  page.isStale = false;
  const begin = performance.now();
  try {
    const answer = await page.view.ask(page.key, page.shown);
    if (generation !== page.generation) return;
    page.shown.update(answer);
    content.dataset.version = answer.version ?? "";
    page.problem = null;
  } catch (error) {
    if (generation !== page.generation) return;
    if (!(error instanceof Refused)) console.error(error);
    page.problem = error instanceof Refused ? error.message : "This view cannot be drawn; the console of the browser tells more.";
  }
  drawBanner();
  page.isBusy = false;
  page.next = performance.now() + Math.max(FASTEST, PATIENCE * (performance.now() - begin) - 400);
  if (page.isStale) refresh();
}

function drawFrame() {
  const run = page.runs.find((each) => each.key === page.key);
  const back = page.runs.length > 1 || !page.key ? h("a", { href: "#/" , class: "home"}, "Runs") : h("span", { class: "home" }, "hpbandster_ng");
  document.title = run ? `${run.name} – hpbandster_ng` : "hpbandster_ng";
  fill(head, back, run ? h("h1", {}, run.name) : h("h1", {}, "hpbandster_ng"), h("span", { id: "lamp", class: "lamp" }), h("span", { class: "grow" }),
    h("button", { class: "plain", onclick: changeTheme, title: "Change between light and dark" }, isDark() ? "Light" : "Dark"));
  nav.hidden = !page.key;
  if (page.key) fill(nav, VIEWS.filter((view) => (view !== compare || page.runs.length > 1) && (view !== pareto || run?.kind === "experiment")).map((view) => h("a", { href: `#/run/${page.key}/${view.name}`, "aria-current": view === page.view ? "page" : null }, view.title)));
  nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  drawLamp();
}

function drawLamp() {
  const lamp = document.getElementById("lamp");
  if (!lamp || !page.key) return;
  lamp.className = page.isLive ? "lamp on" : "lamp";
  lamp.textContent = page.isLive ? "live" : "not connected";
}

function drawBanner() {
  const { phase, message } = page.condition ?? {};
  const problem = page.problem ?? (page.key && page.isLive === false && page.condition ? "The dashboard does not answer; this is what was seen last." : null);
  const text = problem ?? (phase === "trouble" ? `${message} This is what was read before; it is tried again.` : phase === "gone" ? message : phase === "reading" ? "The log is being read; what follows is not all of it yet." : null);
  banner.hidden = !text;
  banner.className = phase === "reading" && !problem ? "info" : "warning";
  if (banner.textContent !== text) banner.textContent = text ?? "";
}

function changeTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("hpbandster_ng.theme", theme);
  dispatchEvent(new Event("themechange"));
}

async function listRuns() {
  try {
    page.runs = (await ask("runs")).runs;
  } catch (error) {
    page.problem = error.message;
    drawBanner();
  }
}

async function begin() {
  await listRuns();
  addEventListener("hashchange", go);
  if (page.runs.length === 1 && !place().key) { location.replace(`#/run/${page.runs[0].key}/overview`); return go(); }
  return go();
}

addEventListener("themechange", drawFrame);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setInterval(() => { if (page.view === overview || page.view === start) refresh(); }, BEAT);
begin();
