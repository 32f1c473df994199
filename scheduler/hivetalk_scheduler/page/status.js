"use strict";
const page = document.documentElement.dataset, written = Date.parse(page.written);
const loaded = Date.now(), again = document.getElementById("again");
function span(seconds) {
  const s = Math.round(Math.abs(seconds)), m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24);
  const t = d > 1 ? d + " d " + h % 24 + " h" : h ? h + " h " + m % 60 + " min" : m ? m + " min " + s % 60 + " s" : s + " s";
  return seconds < 0 ? t + " ago" : "in " + t;
}
function tick() {
  const now = Date.now();
  for (const e of document.querySelectorAll("[data-at]")) e.textContent = span((e.dataset.at - now) / 1000);
  if (now - written > page.patience * 1000 && !document.documentElement.classList.contains("stale")) {
    document.documentElement.classList.add("stale");
    document.title = "stale: " + document.title;
    document.getElementById("stale").textContent =
      "Stale: no run has written this page since " + page.said + ". What it shows is of that time.";
  }
  if (again.checked && now - loaded > 30000) location.reload();
}
again.checked = location.hash === "#live";
again.addEventListener("change", () => history.replaceState(null, "", again.checked ? "#live" : "#"));
document.getElementById("reload").hidden = false;
tick();
setInterval(tick, 1000);
