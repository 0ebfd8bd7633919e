"use strict";
// The page of a graph: groups that open and close, laid out by dagre, drawn as SVG. The data are those of `provenance/graph.py`.
const data = JSON.parse(document.getElementById("data").textContent);
const by = id => document.getElementById(id);
const svg = by("graph"), canvas = by("canvas"), panel = by("panel"), search = by("search"), found = by("found");
const NS = "http://www.w3.org/2000/svg";
const BEGIN = 36;     // vertices that are shown at first, at most
const MANY = 200;    // that unfolding shows, at most
const MOST = 400;     // vertices that are laid out, at most
const READABLE = 0.7; // the scale at which text can be read
const STRAIGHT = 300; // vertices above which ranks are worked out the quick way

// The tree: groups with their items, nodes with their group.

const nodes = data.nodes;
const groups = [];

function planted(tree) {
  const root = { ...tree, id: "g0", up: null, open: true };
  const todo = [root];
  groups.push(root);
  while (todo.length) {
    const group = todo.pop();
    group.count = 0;
    group.items = group.items.map(item => {
      if (typeof item === "number") {
        Object.assign(nodes[item], { id: "n" + item, place: item, up: group });
        return nodes[item];
      }
      const inner = { ...item, id: "g" + groups.length, up: group, open: false };
      groups.push(inner);
      todo.push(inner);
      return inner;
    });
  }
  for (const node of nodes) for (let g = node.up; g; g = g.up) { g.count++; g.last = node; if (node.bad) g.bad = true; g.time = (g.time || 0) + (node.time || 0); }
  return root;
}

const root = planted(data.tree);
const isGroup = item => item.items !== undefined;
const children = nodes.map(() => []);
nodes.forEach((node, i) => node.parents.forEach(p => children[p].push(i)));

function shown(group = root, into = []) {
  for (const item of group.items) isGroup(item) && item.open ? shown(item, into) : into.push(item);
  return into;
}

function openWhileThereIsRoom() {
  let level = [root], room = BEGIN - root.items.length;
  while (level.length) {
    const next = [];
    for (const group of level) for (const item of group.items) {
      if (!isGroup(item)) continue;
      if (item.items.length - 1 > room || item.what === "repeat") continue;
      item.open = true;
      room -= item.items.length - 1;
      next.push(item);
    }
    level = next;
  }
}

// What stands in a box.

function heading(item) {
  if (!isGroup(item)) return item.title;
  if (item.what === "repeat") {
    let each = item.items.at(-1);
    while (each.what === "part") each = each.items.at(-1);
    const within = each.what === "round" && each.count <= 3 ? flat(each).reverse().map(node => node.title).join(", ") : label(each);
    return `${item.times} x ${item.name || within.replace(/^round .*/, "round")}`;
  }
  return label(item);
}
const flat = item => isGroup(item) ? item.items.flatMap(flat) : [item];
function label(group) {
  if (!isGroup(group)) return group.title;
  if (group.what === "round") return group.name === "" ? "round" : `round ${group.name}`;
  if (group.what === "part") return group.name;
  return group.name ? `${group.name} (${group.kind})` : group.kind;
}
function subtext(item) {
  if (!isGroup(item)) return item.sub;
  const each = item.what === "repeat" && item.kind && item.name ? `${item.kind}, ` : "";
  return `${each}${item.count} ${data.unit}${item.count === 1 ? "" : "s"}${item.last.shape ? ", " + item.last.shape : ""}`;
}
const clip = (text, most) => text.length > most ? text.slice(0, most - 1) + "…" : text;

function sized(item) {
  const lines = [heading(item), subtext(item)];
  if (item.leaves) lines.push(item.leaves);
  const text = Math.max(...lines.map((line, i) => Math.min(line.length, 34) * (i ? 6 : 7.2)));
  const width = data.total ? Math.max(88, 1200 * (item.time || 0) / data.total) : Math.max(64, text + 18);
  return { width, height: 22 + 14 * (lines.filter(Boolean).length - 1) + 4, lines };
}

// Layout and drawing.

let chosen = null, at = { x: 0, y: 0, k: 1 }, boxes = new Map(), edges = [], extent = { width: 1, height: 1 };

function layout() {
  const vertices = shown();
  const graph = new dagre.graphlib.Graph({ compound: true });
  const options = { rankdir: "LR", nodesep: 26, ranksep: 34, edgesep: 8, marginx: 16, marginy: 60 };
  graph.setGraph(vertices.length > STRAIGHT ? { ...options, ranker: "longest-path" } : options);
  graph.setDefaultEdgeLabel(() => ({}));
  const owner = new Map();
  for (const item of vertices) {
    graph.setNode(item.id, { ...sized(item), item });
    owner.set(item, item);
  }
  for (const group of groups) if (group !== root && group.open && isVisible(group)) graph.setNode(group.id, { item: group });
  for (const id of graph.nodes()) {
    const up = graph.node(id).item.up;
    if (up !== root) graph.setParent(id, up.id);
  }
  const vertexOf = nodes.map(node => { let v = node; for (let g = node.up; g; g = g.up) if (!g.open) v = g; return v; });
  const seen = new Set();
  nodes.forEach((node, i) => {
    for (const p of node.parents) {
      const a = vertexOf[p].id, b = vertexOf[i].id;
      if (a === b || seen.has(a + " " + b)) continue;
      seen.add(a + " " + b);
      graph.setEdge(a, b, {});
    }
  });
  dagre.layout(graph);
  frame(graph);
  return graph;
}

function frame(graph) {  // open groups, the innermost first, around what is in them: dagre's frames may reach over boxes that are not
  const depth = item => { let n = 0; for (let g = item.up; g; g = g.up) n++; return n; };
  const open = graph.nodes().filter(id => graph.node(id).item.open).sort((a, b) => depth(graph.node(b).item) - depth(graph.node(a).item));
  for (const id of open) {
    const inner = graph.children(id).map(child => graph.node(child));
    if (!inner.length) continue;
    const left = Math.min(...inner.map(n => n.x - n.width / 2)) - 14, right = Math.max(...inner.map(n => n.x + n.width / 2)) + 14;
    const top = Math.min(...inner.map(n => n.y - n.height / 2)) - 20, bottom = Math.max(...inner.map(n => n.y + n.height / 2)) + 12;
    Object.assign(graph.node(id), { x: (left + right) / 2, y: (top + bottom) / 2, width: right - left, height: bottom - top });
  }
}
const isVisible = item => { for (let g = item.up; g; g = g.up) if (!g.open) return false; return true; };

const make = (name, attributes, parent, text) => {
  const element = document.createElementNS(NS, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  parent?.append(element);
  return element;
};

function colour(share) {  // from red, far from the limit, over yellow to green, at the limit
  return `hsl(${Math.round(120 * Math.min(share, 1))} 70% 50% / .38)`;
}

function draw() {
  const begin = performance.now();
  const graph = layout();
  extent = { width: graph.graph().width || 1, height: graph.graph().height || 1 };
  svg.replaceChildren();
  make("style", {}, svg, data.style);
  const defs = make("defs", {}, svg);
  const marker = make("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto" }, defs);
  make("path", { d: "M0 0 L8 4 L0 8 z" }, marker);
  const layer = make("g", { id: "layer" }, svg);
  boxes = new Map();
  const clusters = graph.nodes().filter(id => graph.node(id).item.open).map(id => graph.node(id)).sort((a, b) => b.width * b.height - a.width * a.height);
  for (const box of clusters) drawCluster(box, layer);
  edges = graph.edges().map(e => {
    const [a, b] = [graph.node(e.v), graph.node(e.w)];
    const path = make("path", { class: "edge" + (a.item.bad ? " badly" : ""), d: curve(graph.edge(e).points), "marker-end": "url(#arrow)" }, layer);
    return { from: a.item, to: b.item, path };
  });
  for (const id of graph.nodes()) if (!graph.node(id).item.open) drawVertex(graph.node(id), layer);
  move();
  mark();
  const ms = Math.round(performance.now() - begin);
  const closed = boxes.size - clusters.length;
  by("note").textContent = `${nodes.length} ${data.unit}${nodes.length === 1 ? "" : "s"} in ${closed} box${closed === 1 ? "" : "es"}`;
  document.body.dataset.drawn = String(ms);
}

function curve(points) {
  let d = `M${points[0].x} ${points[0].y}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [p, q] = [points[i], points[i + 1]];
    d += ` Q${p.x} ${p.y} ${i + 2 < points.length ? (p.x + q.x) / 2 : q.x} ${i + 2 < points.length ? (p.y + q.y) / 2 : q.y}`;
  }
  return d;
}

function drawCluster(box, layer) {
  const g = make("g", { class: "cluster" + (box.item.bad ? " holds-bad" : ""), "data-id": box.item.id }, layer);
  make("rect", { class: "box", x: box.x - box.width / 2, y: box.y - box.height / 2, width: box.width, height: box.height }, g);
  make("text", { x: box.x - box.width / 2 + 6, y: box.y - box.height / 2 + 13 }, g, clip("▾ " + heading(box.item), Math.max(8, box.width / 6)));
  boxes.set(box.item, { ...box, g });
}

function drawVertex(box, layer) {
  const { item } = box, [x, y] = [box.x - box.width / 2, box.y - box.height / 2];
  const kind = (isGroup(item) ? "group" : "op") + (item.bad ? " badly" : "");
  const g = make("g", { class: kind, "data-id": item.id, role: "button", "aria-label": `${heading(item)} ${subtext(item)}` }, layer);
  if (isGroup(item)) make("rect", { class: "deck", x: x + 4, y: y + 4, width: box.width, height: box.height }, g);
  if (item.limit !== undefined && item.limit !== null) make("rect", { class: "under", x, y, width: box.width, height: box.height }, g);
  const rect = make("rect", { class: "box", x, y, width: box.width, height: box.height }, g);
  if (item.limit !== undefined && item.limit !== null) rect.style.fill = colour(item.limit);
  make("title", {}, g, `${heading(item)}\n${subtext(item)}`);
  const most = Math.max(3, Math.floor((box.width - 12) / 6));
  box.lines.filter(Boolean).forEach((line, i) => {
    const style = i === 0 ? "" : line === item.leaves ? "leaves" : "sub";
    const room = i === 0 ? Math.max(3, Math.floor((box.width - 12) / 7)) : most;
    make("text", { x: x + 8, y: y + 16 + 14 * i, class: style }, g, clip((i === 0 && isGroup(item) ? "▸ " : "") + line, Math.min(room, 36)));
  });
  boxes.set(item, { ...box, g });
}

// Moving and zooming.

function move() { by("layer").setAttribute("transform", `translate(${at.x} ${at.y}) scale(${at.k})`); }

function fit(least = 0.02) {
  const { width, height } = canvas.getBoundingClientRect();
  const k = Math.min(width / extent.width, height / extent.height, 1.4);
  at.k = Math.max(k, least);
  at.x = Math.min((width - extent.width * at.k) / 2, width - extent.width * at.k);  // where not all fits, the result
  at.y = (height - extent.height * at.k) / 2;
  move();
}

function zoom(by, x, y) {
  const rect = canvas.getBoundingClientRect();
  x ??= rect.width / 2; y ??= rect.height / 2;
  const k = Math.min(Math.max(at.k * by, 0.02), 6);
  at.x = x - (x - at.x) * k / at.k; at.y = y - (y - at.y) * k / at.k; at.k = k;
  move();
}

function centre(item) {
  const box = boxes.get(item), rect = canvas.getBoundingClientRect();
  if (!box) return;
  if (at.k < 0.5) at.k = 0.9;
  at.x = rect.width / 2 - box.x * at.k; at.y = rect.height / 2 - box.y * at.k;
  move();
}

function reveal(item) {  // move only if it is out of sight
  const box = boxes.get(item), rect = canvas.getBoundingClientRect();
  if (!box) return;
  const [x, y] = [box.x * at.k + at.x, box.y * at.k + at.y];
  if (x < 60 || y < 40 || x > rect.width - 60 || y > rect.height - 40 || at.k < 0.35) centre(item);
}

let drag = null;
canvas.addEventListener("wheel", e => {
  e.preventDefault();
  const rect = canvas.getBoundingClientRect();
  zoom(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0015)), e.clientX - rect.left, e.clientY - rect.top);
}, { passive: false });
canvas.addEventListener("pointerdown", e => {
  if (e.target.closest("#found")) return;
  drag = { x: e.clientX, y: e.clientY, from: { ...at }, far: false };
});
canvas.addEventListener("pointermove", e => {
  if (!drag) return;
  const [dx, dy] = [e.clientX - drag.x, e.clientY - drag.y];
  if (!drag.far && Math.hypot(dx, dy) < 5) return;
  if (!drag.far) { drag.far = true; canvas.classList.add("moving"); canvas.setPointerCapture(e.pointerId); }
  at.x = drag.from.x + dx; at.y = drag.from.y + dy;
  move();
});
canvas.addEventListener("pointerup", e => {
  const moved = drag?.far;
  drag = null;
  canvas.classList.remove("moving");
  const id = e.target.closest("[data-id]")?.dataset.id;
  if (moved || !id) return;
  const item = find(id);
  item === chosen && isGroup(item) || e.detail > 1 ? toggle(item) : choose(item, false);
});
canvas.addEventListener("pointercancel", () => { drag = null; canvas.classList.remove("moving"); });
canvas.addEventListener("dblclick", e => {
  const id = e.target.closest("[data-id]")?.dataset.id;
  if (id && isGroup(find(id)) && find(id) !== chosen) toggle(find(id));
});
const find = id => id[0] === "g" ? groups[+id.slice(1)] : nodes[+id.slice(1)];

// Choosing, opening, closing.

function choose(item, look = true) {
  chosen = item;
  mark();
  tell(item);
  if (look) reveal(item);
}

function mark() {
  for (const [item, box] of boxes) box.g.classList.toggle("chosen", item === chosen);
  for (const edge of edges) edge.path.classList.toggle("near", chosen !== null && (edge.from === chosen || edge.to === chosen));
}

function toggle(item) {
  if (!isGroup(item) || item === root) return;
  if (!item.open && shown().length + item.items.length > MOST) return say(`more than ${MOST} boxes: close some first`);
  const before = boxes.get(item), [x, y] = before ? [before.x * at.k + at.x, before.y * at.k + at.y] : [0, 0];
  item.open = !item.open;
  draw();
  const box = boxes.get(item);
  if (box && before) { at.x = x - box.x * at.k; at.y = y - box.y * at.k; move(); }
  choose(item, false);
}
const say = text => { by("note").textContent = text; };

function openTo(item) {
  for (let g = item.up; g; g = g.up) g.open = true;
  draw();
  choose(item, false);
  centre(item);
}

function unfold() {
  const vertices = shown();
  const closed = vertices.filter(isGroup);
  const depth = item => { let n = 0; for (let g = item.up; g; g = g.up) n++; return n; };
  const least = Math.min(...closed.map(depth));
  let room = MANY - vertices.length;
  for (const item of closed) if (depth(item) === least && item.items.length <= room) { item.open = true; room -= item.items.length; }
  draw(); fit(READABLE);
}

function fold() {
  for (const group of groups) if (group !== root && group.open && !group.items.some(item => isGroup(item) && item.open) && isVisible(group)) group.open = false;
  if (chosen && !isVisible(chosen)) { let g = chosen.up; while (!isVisible(g)) g = g.up; chosen = g; }
  draw(); fit(READABLE);
}

// The panel.

const html = text => String(text).replace(/[&<>"]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const row = ([key, value, isBad]) => `<tr><td>${html(key)}</td><td${isBad ? ' class="bad"' : ""}>${html(value)}</td></tr>`;
const link = item => `<a data-go="${item.id}">${html(heading(item))}</a> <span class="dim">${html(subtext(item))}</span>`;
const placed = item => link(item) + (item.module ? ` <span class="dim">in ${html(item.module)}</span>` : "");
const listed = (title, items, shown = link) => items.length ? `<h3>${title}</h3>` + items.slice(0, 12).map(shown).join("<br>") + (items.length > 12 ? `<br><span class="dim">and ${items.length - 12} more</span>` : "") : "";

function source([file, line, n]) {
  const { name, lines } = data.files[file];
  const text = lines.filter(([number]) => Math.abs(number - line) <= 3)
    .map(([number, text]) => `<span${number === line ? ' class="here"' : ""}><i>${number}</i>${html(text) || " "}</span>`).join("");
  return `<h3>${html(name)}:${line}${n ? ` <span class="dim">${html(n)}</span>` : ""}</h3>${text ? `<pre>${text}</pre>` : ""}`;
}

function tell(item) {
  if (!item) {
    panel.innerHTML = `<h2>${html(data.title)}</h2><p>${html(data.summary)}</p>${data.notes.map(n => `<p>${html(n)}</p>`).join("")}
      <h3>keys</h3><p><kbd>←</kbd> <kbd>→</kbd> along the edges, <kbd>↑</kbd> <kbd>↓</kbd> among neighbours, <kbd>Enter</kbd> opens and closes,
      <kbd>Esc</kbd> goes to the group around, <kbd>/</kbd> searches, <kbd>+</kbd> <kbd>-</kbd> <kbd>f</kbd> zoom, <kbd>o</kbd> <kbd>c</kbd> unfold and fold,
      <kbd>t</kbd> light or dark, <kbd>s</kbd> saves the picture.</p>`
      + listed("not finite", nodes.filter(node => node.bad), placed);
    return;
  }
  if (isGroup(item)) {
    const sum = key => nodes.filter(n => isIn(n, item)).reduce((total, n) => total + (n[key] || 0), 0);
    const rows = [["module", item.path || item.kind], ["class", item.kind], [data.unit + "s", item.count]].filter(r => r[1]);
    if (item.last.shape) rows.push(["result", item.last.shape]);
    for (const [key, name, unit] of data.sums) rows.push([name, measured(sum(key), unit)]);
    panel.innerHTML = `<h2>${html(heading(item))}</h2><table>${rows.map(row).join("")}</table>`
      + `<p><a data-toggle="${item.id}">${item.open ? "close" : "open"}</a></p>`
      + listed("not finite", nodes.filter(n => n.bad && isIn(n, item)), placed)
      + listed("items", item.items.slice().reverse());
  } else {
    panel.innerHTML = `<h2>${html(item.title)}</h2><table>${item.facts.map(row).join("")}</table>`
      + item.tables.map(([title, rows]) => `<h3>${html(title)}</h3><table>${rows.map(row).join("")}</table>`).join("")
      + item.source.map(source).join("")
      + listed("comes from", item.parents.map(p => nodes[p])) + listed("goes into", children[item.place].map(c => nodes[c]));
  }
}
const isIn = (node, group) => { for (let g = node.up; g; g = g.up) if (g === group) return true; return false; };

function measured(n, unit) {
  if (unit === "s") return n >= 1 ? `${n.toPrecision(3)} s` : n >= 1e-3 ? `${(n * 1e3).toPrecision(3)} ms` : `${(n * 1e6).toPrecision(3)} us`;
  for (const prefix of ["", "k", "M", "G"]) { if (n < 1000) return `${n >= 100 || n === Math.round(n) ? Math.round(n) : n.toPrecision(3)} ${prefix}${unit}`; n /= 1000; }
  return `${n.toPrecision(3)} T${unit}`;
}

panel.addEventListener("click", e => {
  const { go, toggle: open } = e.target.dataset;
  if (go) openTo(find(go));
  if (open) toggle(find(open));
});

// Search.

let hits = [], hit = 0;
const words = item => isGroup(item) ? `${heading(item)} ${item.path || ""} ${item.kind}` :
  `${item.title} ${item.sub} ${item.module || ""} ${item.leaves || ""} ${item.source.map(([f, l]) => `${data.files[f].name}:${l} ${lineOf(f, l)}`).join(" ")}`;
const lineOf = (file, line) => data.files[file].lines.find(([n]) => n === line)?.[1] || "";

function look() {
  const wanted = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  hits = wanted.length ? [...groups.slice(1), ...nodes].filter(item => { const text = words(item).toLowerCase(); return wanted.every(w => text.includes(w)); }) : [];
  const named = item => wanted.filter(w => heading(item).toLowerCase().includes(w)).length;
  hits = hits.map(item => [named(item), item]).sort((a, b) => b[0] - a[0]).map(pair => pair[1]);  // what is called so before what only mentions it
  hit = 0;
  list();
}
function list() {
  found.hidden = !search.value.trim();
  found.innerHTML = hits.slice(0, 60).map((item, i) =>
    `<div data-go="${item.id}" class="${i === hit ? "on" : ""}">${html(heading(item))} <span class="dim">${html(isGroup(item) ? item.path || "" : item.module || "")} ${html(subtext(item))}</span></div>`).join("")
    + (hits.length > 60 ? `<div class="dim">and ${hits.length - 60} more</div>` : hits.length ? "" : `<div class="dim">nothing found</div>`);
}
search.addEventListener("input", look);
search.addEventListener("keydown", e => {
  if (e.key === "Escape") { search.value = ""; look(); canvas.focus(); }
  if (e.key === "Enter" && hits.length) { openTo(hits[hit]); hit = (hit + 1) % Math.min(hits.length, 60); list(); }
  if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); hit = (hit + (e.key === "ArrowDown" ? 1 : -1) + Math.min(hits.length, 60)) % (Math.min(hits.length, 60) || 1); list(); }
  e.stopPropagation();
});
found.addEventListener("click", e => {
  const id = e.target.closest("[data-go]")?.dataset.go;
  if (id) { found.hidden = true; openTo(find(id)); canvas.focus(); }
});

// Keys and buttons.

function walk(direction) {
  if (!chosen || !boxes.has(chosen)) return choose(shown().at(-1));
  const here = boxes.get(chosen);
  let options;
  if (direction === "left" || direction === "right") {
    const [mine, other] = direction === "right" ? ["from", "to"] : ["to", "from"];
    options = edges.filter(e => e[mine] === chosen).map(e => e[other]);
    if (!options.length && chosen.open) options = [direction === "right" ? chosen.items.at(-1) : chosen.items[0]].filter(i => boxes.has(i));
  } else {
    const down = direction === "down" ? 1 : -1;
    options = [...boxes.keys()].filter(i => !i.open && i !== chosen && (boxes.get(i).y - here.y) * down > 1 && Math.abs(boxes.get(i).x - here.x) < 260);
  }
  const distance = i => Math.hypot(boxes.get(i).x - here.x, 2 * (boxes.get(i).y - here.y));
  options.sort((a, b) => distance(a) - distance(b));
  if (options.length) choose(options[0]);
}

const keys = {
  ArrowLeft: () => walk("left"), ArrowRight: () => walk("right"), ArrowUp: () => walk("up"), ArrowDown: () => walk("down"),
  Enter: () => chosen && toggle(chosen), " ": () => chosen && toggle(chosen), "/": () => search.focus(),
  "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), f: () => fit(), 0: () => fit(), o: unfold, c: fold, t: theme, s: save,
  Escape: () => { if (chosen && chosen.up && chosen.up !== root) choose(chosen.up); else { chosen = null; mark(); tell(null); } },
};
document.addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target === search || (e.target.tagName === "BUTTON" && (e.key === "Enter" || e.key === " "))) return;
  const act = keys[e.key];
  if (act) { e.preventDefault(); act(); }
});

function theme() {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
}

function picture() {
  const copy = svg.cloneNode(true), style = getComputedStyle(document.documentElement);
  const colours = data.style.match(/--[a-z-]+/g).filter((name, i, all) => all.indexOf(name) === i);
  copy.querySelector("#layer").setAttribute("transform", "");
  copy.setAttribute("viewBox", `0 0 ${extent.width} ${extent.height}`);
  copy.setAttribute("width", extent.width); copy.setAttribute("height", extent.height);
  copy.querySelector("style").textContent = `svg { ${colours.map(n => `${n}: ${style.getPropertyValue(n)}`).join("; ")}; background: ${style.getPropertyValue("--back")} }\n${data.style}`;
  return new XMLSerializer().serializeToString(copy);
}
function save() {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([picture()], { type: "image/svg+xml" }));
  a.download = "family.svg";
  a.click();
  URL.revokeObjectURL(a.href);
}
by("minus").onclick = () => zoom(0.8);
by("plus").onclick = () => zoom(1.25);
by("fit").onclick = () => fit();
by("opener").onclick = unfold;
by("closer").onclick = fold;
by("theme").onclick = theme;
by("save").onclick = save;
new ResizeObserver(() => { if (!chosen) fit(READABLE); }).observe(canvas);

by("title").textContent = data.title;
by("summary").textContent = data.summary;
if (data.total) by("legend").innerHTML = `share of the limit <span>0%</span><b style="background: linear-gradient(to right, ${[0, .25, .5, .75, 1].map(colour).join(", ")})"></b><span>100%</span>; width: time`;
openWhileThereIsRoom();
draw();
fit(READABLE);
tell(null);
