document.querySelectorAll(".filter").forEach(function (bar) {
  var name = bar.dataset.filter, rows = document.querySelectorAll("[data-" + name + "]");
  bar.hidden = false;
  bar.addEventListener("click", function (event) {
    var chosen = event.target.closest("button");
    if (!chosen) return;
    bar.querySelectorAll("button").forEach(function (button) { button.setAttribute("aria-pressed", String(button === chosen)); });
    rows.forEach(function (row) { row.hidden = Boolean(chosen.dataset.show) && !row.dataset[name].split(" ").includes(chosen.dataset.show); });
    document.querySelectorAll("details.document").forEach(function (part) {
      if (!part.querySelector("[data-" + name + "]")) return;
      part.hidden = !part.querySelector("[data-" + name + "]:not([hidden])");
      part.open = Boolean(chosen.dataset.show);
    });
  });
});
function reveal() {
  var target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  target.hidden = false;
  for (var part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") { part.open = true; part.hidden = false; }
  target.scrollIntoView();
}
addEventListener("hashchange", reveal);
reveal();
var closed = [];
addEventListener("beforeprint", function () {
  closed = Array.from(document.querySelectorAll("details:not([open])"));
  closed.forEach(function (part) { part.open = true; });
});
addEventListener("afterprint", function () { closed.forEach(function (part) { part.open = false; }); });
