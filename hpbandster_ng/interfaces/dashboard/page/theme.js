// Before anything is drawn: light or dark, as the user chose last, or else as the system has it.
const chosen = localStorage.getItem("hpbandster_ng.theme");
if (chosen) document.documentElement.dataset.theme = chosen;
// The token came by the address and is kept in a cookie now; it is of no use in the history.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);
