// Before anything is drawn: light or dark, as the user chose last, or else as the system has it.
const system = matchMedia("(prefers-color-scheme: dark)");
function followSystem() {
  document.documentElement.dataset.theme = localStorage.getItem("hpbandster_ng.theme") ?? (system.matches ? "dark" : "light");
  dispatchEvent(new Event("themechange"));
}
system.addEventListener("change", followSystem);
followSystem();
// The token came by the address and is kept in a cookie now; it is of no use in the history.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);
