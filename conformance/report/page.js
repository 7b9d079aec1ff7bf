"use strict";
var rows = Array.from(document.querySelectorAll("[data-verdict], [data-outcome], [data-difference]"));
var kinds = ["verdict", "outcome", "difference"];
var search = document.getElementById("search"), found = document.getElementById("found");
var groups = Array.from(document.querySelectorAll("details.document, section.family"));
var chosen = {};

function kind(row) { return kinds.find(function (name) { return row.dataset[name] !== undefined; }); }
function words(row) {
  if (row.words === undefined) {
    var said = row.querySelector(".said, summary") || row;
    row.words = ((row.dataset.text || "") + " " + row.dataset[kind(row)] + " " + said.textContent).toLowerCase();
  }
  return row.words;
}
function apply() {
  var terms = search ? search.value.toLowerCase().split(/\s+/).filter(Boolean) : [], shown = 0;
  rows.forEach(function (row) {
    var wanted = chosen[kind(row)];
    var fits = !wanted || row.dataset[kind(row)].split(" ").includes(wanted);
    row.hidden = !(fits && terms.every(function (term) { return words(row).includes(term); }));
    if (!row.hidden) shown += 1;
  });
  var narrowed = terms.length > 0 || kinds.some(function (name) { return chosen[name]; });
  groups.forEach(function (group) {
    var any = group.querySelector("[data-verdict]:not([hidden]), [data-outcome]:not([hidden]), [data-difference]:not([hidden])");
    group.hidden = narrowed && !any;
    if (group.tagName === "DETAILS") group.open = narrowed && Boolean(any);
  });
  document.querySelectorAll(".filter").forEach(function (bar) {
    bar.querySelectorAll("button").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.show === (chosen[bar.dataset.filter] || "")));
    });
  });
  if (found) found.textContent = narrowed ? shown + (shown === 1 ? " row shown" : " rows shown") : "";
}
function keep() {
  var parts = [];
  if (search && search.value) parts.push("q=" + encodeURIComponent(search.value));
  kinds.forEach(function (name) { if (chosen[name]) parts.push(name + "=" + encodeURIComponent(chosen[name])); });
  history.replaceState(null, "", parts.length ? "#?" + parts.join("&") : "#");
}
function read() {
  if (!location.hash.startsWith("#?")) return false;
  var told = new URLSearchParams(location.hash.slice(2));
  if (search) search.value = told.get("q") || "";
  chosen = {};
  kinds.forEach(function (name) { if (told.get(name)) chosen[name] = told.get(name); });
  apply();
  return true;
}
function clear() {
  if (search) search.value = "";
  chosen = {};
  apply();
}
function reveal() {
  if (read()) return;
  var target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.closest("[hidden]")) clear();
  for (var part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  target.scrollIntoView({ behavior: "instant" });
}
document.querySelectorAll(".filter").forEach(function (bar) {
  bar.hidden = false;
  bar.addEventListener("click", function (event) {
    var button = event.target.closest("button");
    if (!button) return;
    chosen[bar.dataset.filter] = button.dataset.show;
    apply();
    keep();
  });
});
if (search) {
  search.closest(".search").hidden = false;
  search.addEventListener("input", function () { apply(); keep(); });
}
// A second click on the same link changes no address, and opens what was closed since all the same.
document.addEventListener("click", function (event) {
  var link = event.target.closest("a[href^='#']");
  if (link && link.getAttribute("href") === location.hash) reveal();
});
addEventListener("hashchange", reveal);
try {
  var guide = document.querySelector(".guide");
  if (guide && localStorage.getItem("conformance-guide")) guide.open = false;
  localStorage.setItem("conformance-guide", "read");
} catch (error) { /* a page opened from a file may have no storage: then it stays open */ }
reveal();
