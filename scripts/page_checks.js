"use strict";
// Uses a page as a reader would. `press` and `click` are what a reader does, `expect` says what must come of it.
const press = key => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const box = text => [...document.querySelectorAll("#graph [data-id]")].find(g => g.textContent.includes(text));
const click = element => {
  const rect = element.querySelector(".box").getBoundingClientRect();
  const where = { clientX: rect.x + 3, clientY: rect.y + 3, bubbles: true, pointerId: 1, detail: 1 };
  element.querySelector(".box").dispatchEvent(new PointerEvent("pointerdown", where));
  element.querySelector(".box").dispatchEvent(new PointerEvent("pointerup", where));
};
const type = text => { search.value = text; search.dispatchEvent(new Event("input")); };
const enter = () => search.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
const count = () => document.querySelectorAll("#graph g.op, #graph g.group").length;
const results = {};
const expect = (name, holds, told = "") => { results[name] = holds ? true : `no: ${told}`; };

function drawn() {
  expect("boxes are drawn", count() > 1, count());
  expect("few at first", count() <= 60, count());
  expect("the note counts boxes", by("note").textContent.endsWith(` in ${count()} box${count() === 1 ? "" : "es"}`), by("note").textContent);
  const over = [...boxes].filter(([group]) => group.open).flatMap(([group, f]) => [...boxes].filter(([item, b]) => !item.open && !isIn(item, group)
    && Math.abs(b.x - f.x) < (b.width + f.width) / 2 && Math.abs(b.y - f.y) < (b.height + f.height) / 2).map(([item]) => heading(item)));
  expect("no box lies over a frame that it is not in", !over.length, over);
}

function common() {
  drawn();
  expect("drawn within a second", +document.body.dataset.drawn < 1000, document.body.dataset.drawn);
  const before = count();
  press("o");
  expect("unfolding shows more", count() > before, count());
  expect("unfolded within two seconds", +document.body.dataset.drawn < 2000, `${document.body.dataset.drawn} ms for ${count()}`);
  press("c"); press("c"); press("c"); press("c");
  expect("folding shows less", count() < before || before < 5, count());
  press("f");
  const layer = document.getElementById("layer").getBoundingClientRect(), room = canvas.getBoundingClientRect();
  expect("fit shows all",
    layer.width <= room.width + 2 && layer.height <= room.height + 2,
    JSON.stringify([layer.width, room.width, layer.height, room.height]));
  const k = at.k; press("+"); expect("+ zooms", at.k > k); press("-"); press("-"); expect("- zooms out", at.k < k);
  press("o"); press("Escape"); press("Escape"); press("Escape"); press("Escape"); press("ArrowLeft"); const first = chosen; press("ArrowLeft");
  expect("arrows walk to what it comes from", first && chosen && chosen !== first, chosen && heading(chosen));
  press("ArrowRight"); expect("and back", chosen === first, chosen && heading(chosen));
  expect("the panel tells", panel.textContent.includes(heading(first)) || panel.textContent.includes(first.title), panel.textContent);
  press("Escape"); press("Escape"); press("Escape"); expect("escape lets go", chosen === null);
  const was = getComputedStyle(document.body).backgroundColor; press("t");
  expect("t changes the colours", getComputedStyle(document.body).backgroundColor !== was); press("t");
  type("zzz nothing"); expect("nothing is found", found.textContent.includes("nothing found")); type("");
  const drawing = new DOMParser().parseFromString(picture(), "image/svg+xml");
  expect("the picture is SVG", drawing.documentElement.tagName === "svg" && !drawing.querySelector("parsererror"));
  expect("nothing is fetched", performance.getEntriesByType("resource").length === 0, performance.getEntriesByType("resource").map(e => e.name).join());
}

function gpt() {
  click(box("12 x h.0"));
  expect("a click tells of a group", panel.textContent.includes("228"), panel.textContent);
  press("Enter");
  expect("Enter opens it", count() >= 15, count());
  click(box("h.7 (Block)")); click(box("h.7 (Block)"));
  expect("a second click opens it too", box("ln1: native_layer_norm") !== undefined);
  type("h.3.mlp gelu"); expect("search finds an operation", found.textContent.includes("gelu"), found.textContent); enter();
  expect("and goes there", chosen && chosen.title === "gelu" && chosen.module.startsWith("h.3.mlp"), chosen && chosen.module);
  expect("source lines are shown", panel.querySelectorAll("pre span").length === 7 && panel.querySelector(".here").textContent.includes("gelu"));
}

function resnet() {
  expect("what is not finite is red", document.querySelector(".badly") !== null);
  expect("and listed", panel.textContent.includes("not finite") && panel.textContent.includes("fc: linear"), panel.textContent);
  expect("with the module", [...panel.querySelectorAll(".dim")].some(each => each.textContent.startsWith("in ")), panel.textContent);
  type("fc"); enter();
  expect("a leaf tells its gradient", panel.textContent.includes("gradient norm"), panel.textContent);
  expect("and its bad values", panel.querySelector("td.bad") !== null);
}

function report(...parts) {
  try { for (const part of parts) part(); } catch (error) { results["no error"] = String(error.stack); }
  document.body.innerHTML = "";
  const out = document.createElement("pre");
  out.id = "out";
  out.textContent = JSON.stringify(results);
  document.body.append(out);
}
