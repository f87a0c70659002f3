// The map: every image as a point. plotly.js draws it; while it is dragged or zoomed its picture is only moved, and it is
// drawn again at the end, so that panning many points stays smooth without a graphics card too.

const map = { node: null, only: new Set(), colour: "cluster", stale: true };
const CONTINUOUS = ["#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838"]; // cividis
const EDGE = 1.05;

function buildMap(section) {
  const frame = element("div", { class: "map-frame pan", id: "map-frame" });
  map.node = element("div", { class: "map-plot", id: "map-plot" });
  frame.append(map.node);
  const colours = element("select", { id: "colour", onchange: (event) => { map.colour = event.target.value; map.only.clear(); recolour(); } },
    ...colourChoices().map(([value, text]) => option(value, text)));
  const modes = element("div", { class: "row", role: "group", "aria-label": "pointer" },
    ...[["pan", "Move"], ["lasso", "Lasso"], ["select", "Box"]].map(([mode, text]) =>
      button(text, () => setMode(mode), { "data-mode": mode, "aria-pressed": mode === "pan" })),
    button("Whole map", () => showRange(wholeRange())),
    element("label", {}, "Colour ", colours));
  replace(section, modes,
    element("div", { class: "map-area" }, frame,
      element("div", { class: "side" }, element("div", { id: "legend" }), element("div", { id: "map-selection" }))),
    element("p", { class: "muted" }, `${content.images.layout} of the latents. Distances between distant groups and sizes of groups are not meaningful. Click a point to open the image; click a name to show only that group.`));
  map.frame = frame;
  listenToPointer(frame);
  listeners.view.push(() => { map.stale = true; if (!section.hidden) showMap(); });
  listeners.edits.push(() => { map.stale = true; if (!section.hidden) showMap(); });
  listeners.selection.push(() => showSelection());
}

function showMap() {
  if (!map.drawn) drawMap();
  if (map.stale) recolour();
  map.stale = false;
}

function colourChoices() {
  const choices = [["cluster", "cluster"]];
  if (images.labels !== null && content.classes.length) choices.push(["class", "class"]);
  if (clusterings.length) choices.push(["confidence", "confidence"]);
  if (images.outliers !== null) choices.push(["outlier", "outlier score"]);
  if (clusterings.length) choices.push(["size", "size of the cluster"]);
  return choices.concat(Object.keys(images.columns).map((name) => [`column:${name}`, name]));
}

// Return the group number of each image and the name of each group, or the value of each image.
function colouring() {
  if (map.colour === "cluster" && clusterings.length) {
    const numbers = edited().clusters;
    return { groups: numbers, names: new Map(groups().map(([number, rows]) => [number, `${clusterName(number)} (${rows.length})`])) };
  }
  if (map.colour === "class") return { groups: images.labels, names: new Map([...new Set(images.labels)].sort((a, b) => a - b).map((label) => [label, label < 0 ? "no label" : content.classes[label]])) };
  if (map.colour === "confidence") return { values: clustering().confidence };
  if (map.colour === "outlier") return { values: images.outliers };
  if (map.colour === "size") {
    const sizes = new Map(groups().map(([number, rows]) => [number, rows.length]));
    return { values: Array.from(edited().clusters, (number) => sizes.get(number)) };
  }
  const column = images.columns[map.colour.replace("column:", "")] ?? [];
  if (column.length && column.every((value) => typeof value === "number" || value === null)) return { values: column.map((value) => (value === null ? NaN : value)) };
  const names = [...new Set(column.map(String))].sort();
  return { groups: column.map((value) => names.indexOf(String(value))), names: new Map(names.map((name, number) => [number, name])) };
}

// Colours are numbers on a scale: plotly.js then reads no colour of a single point.
function markerOf({ groups: numbers, values }) {
  if (values) {
    const finite = Array.from(values).filter(Number.isFinite).sort((a, b) => a - b);
    const at = (share) => finite[Math.round(share * (finite.length - 1))] ?? 0;
    return { color: Array.from(values, (value) => (Number.isFinite(value) ? value : null)), cmin: at(0.02), cmax: Math.max(at(0.98), at(0.02) + 1e-9), colorscale: CONTINUOUS.map((colour, i) => [i / (CONTINUOUS.length - 1), colour]) };
  }
  const colours = [NONE_COLOUR, ...PALETTE], step = 1 / colours.length;
  const shown = (number) => map.only.size === 0 || map.only.has(number);
  return {
    color: Array.from(numbers, (number) => (number < 0 || !shown(number) ? 0 : 1 + (number % PALETTE.length))),
    cmin: -0.5, cmax: colours.length - 0.5,
    colorscale: colours.flatMap((colour, i) => [[i * step, colour], [(i + 1) * step, colour]]),
  };
}

function drawMap() {
  const x = [], y = [];
  for (let row = 0; row < images.count; row++) { x.push(images.points[2 * row]); y.push(images.points[2 * row + 1]); }
  const axis = { visible: false, fixedrange: false };
  const size = images.count > 20000 ? 3 : images.count > 3000 ? 4 : 6;
  const ranges = wholeRange();
  Plotly.newPlot(map.node, [{ type: "scattergl", mode: "markers", x, y, hoverinfo: "none", marker: { size, ...markerOf(colouring()) } }],
    { margin: { l: 0, r: 0, t: 0, b: 0 }, xaxis: { ...axis, range: ranges.x }, yaxis: { ...axis, range: ranges.y }, dragmode: false,
      hovermode: "closest", showlegend: false, annotations: labels() },
    { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false });
  map.node.on("plotly_hover", (event) => showTooltip(event.points[0].pointNumber, event.event));
  map.node.on("plotly_unhover", hideTooltip);
  map.node.on("plotly_click", (event) => { if (!map.moved) openDetail(event.points[0].pointNumber); });
  map.node.on("plotly_selected", (event) => { if (event) select(event.points.map((point) => point.pointNumber)); });
  map.drawn = true;
}

function recolour() {
  if (!map.drawn) return;
  const marker = markerOf(colouring());
  Plotly.restyle(map.node, { "marker.color": [marker.color], "marker.colorscale": [marker.colorscale], "marker.cmin": marker.cmin, "marker.cmax": marker.cmax });
  Plotly.relayout(map.node, { annotations: labels() });
  showLegend();
  showSelection();
}

// Names at the medians of the groups, so that colour is not needed to tell them apart.
function labels() {
  const { groups: numbers, names } = colouring();
  if (!names || names.size > 40) return [];
  const members = new Map();
  Array.from(numbers).forEach((number, row) => { if (number >= 0) (members.get(number) ?? members.set(number, []).get(number)).push(row); });
  const median = (rows, axis) => rows.map((row) => images.points[2 * row + axis]).sort((a, b) => a - b)[Math.floor(rows.length / 2)];
  return [...members].map(([number, rows]) => ({
    x: median(rows, 0), y: median(rows, 1), text: plain(map.colour === "cluster" ? clusterName(number) : names.get(number)),
    showarrow: false, bgcolor: "rgba(255,255,255,0.78)", font: { size: 12 }, captureevents: false,
  }));
}

function showLegend() {
  const { names, values } = colouring(), legend = document.getElementById("legend");
  if (values) {
    const { cmin, cmax } = markerOf({ values });
    replace(legend, element("div", { class: "scale", style: `background: linear-gradient(to right, ${CONTINUOUS.join(",")})` }),
      element("div", { class: "muted" }, `${cmin.toPrecision(3)} … ${cmax.toPrecision(3)} (2nd to 98th percentile)`));
    return;
  }
  const toggle = (number) => { map.only.has(number) ? map.only.delete(number) : map.only.add(number); recolour(); };
  const listed = [...names].slice(0, 300);
  replace(legend, names.size > listed.length ? element("p", { class: "muted" }, `The first ${listed.length} of ${names.size} groups:`) : null,
    element("ul", { class: "legend" }, ...listed.map(([number, name]) =>
    element("li", {}, element("button", { type: "button", "aria-pressed": map.only.has(number), onclick: () => toggle(number) },
      element("span", { class: "swatch", style: `background: ${colourOf(number)}` }), name)))));
}

function setMode(mode) {
  document.querySelectorAll("[data-mode]").forEach((node) => node.setAttribute("aria-pressed", node.dataset.mode === mode));
  map.frame.classList.toggle("pan", mode === "pan");
  Plotly.relayout(map.node, { dragmode: mode === "pan" ? false : mode });
}

function wholeRange() {
  const aspect = (map.node.clientWidth || 900) / (map.node.clientHeight || 660);
  return { x: [-EDGE * Math.max(aspect, 1), EDGE * Math.max(aspect, 1)], y: [-EDGE / Math.min(aspect, 1), EDGE / Math.min(aspect, 1)] };
}

const showRange = ({ x, y }) => Plotly.relayout(map.node, { "xaxis.range": x, "yaxis.range": y });

// Move the picture while the pointer moves; set the ranges when it rests.
function listenToPointer(frame) {
  let view = null, timer = 0;
  const isPan = () => frame.classList.contains("pan");
  const begin = () => (view ??= { left: 0, top: 0, zoom: 1 });
  const move = () => { map.node.style.transform = `translate(${view.left}px, ${view.top}px) scale(${view.zoom})`; };
  const finish = () => {
    if (view === null) return;
    const { left, top, zoom } = view, { xaxis, yaxis } = map.node.layout, width = frame.clientWidth, height = frame.clientHeight;
    view = null;
    const at = (range, share) => range[0] + share * (range[1] - range[0]);
    const x = [at(xaxis.range, -left / zoom / width), at(xaxis.range, (width - left) / zoom / width)];
    const y = [at(yaxis.range, 1 - (height - top) / zoom / height), at(yaxis.range, 1 + top / zoom / height)];
    showRange({ x, y }).then(() => { map.node.style.transform = ""; });
  };
  frame.addEventListener("pointerdown", (event) => {
    map.moved = false;
    if (!isPan() || event.button !== 0) return;
    const from = { x: event.clientX, y: event.clientY, ...begin() };
    const drag = (moved) => {
      const right = moved.clientX - from.x, down = moved.clientY - from.y;
      if (!map.moved && Math.hypot(right, down) < 4) return;
      map.moved = true;
      frame.classList.add("moving"); // plotly.js then looks for no point under the pointer
      hideTooltip();
      begin();
      view.left = from.left + right;
      view.top = from.top + down;
      move();
    };
    const stop = () => { removeEventListener("pointermove", drag); frame.classList.remove("moving"); finish(); };
    addEventListener("pointermove", drag);
    addEventListener("pointerup", stop, { once: true });
    addEventListener("pointercancel", stop, { once: true });
  }, true);
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    hideTooltip();
    begin();
    const factor = Math.exp(-event.deltaY / 500), box = frame.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    view.left = x - factor * (x - view.left);
    view.top = y - factor * (y - view.top);
    view.zoom *= factor;
    move();
    clearTimeout(timer);
    timer = setTimeout(finish, 200);
  }, { passive: false });
}

function showTooltip(row, event) {
  const tooltip = document.getElementById("tooltip");
  const cluster = clusterings.length ? `${clusterName(edited().clusters[row])}, confidence ${clustering().confidence[row].toFixed(2)}` : "";
  replace(tooltip,
    hasThumbnail(row) ? picture(row, "taken", 110) : null,
    hasThumbnail(row) && images.theta !== null ? picture(row, "upright", 110) : null,
    element("div", {}, images.ids[row]),
    element("div", { class: "muted" }, [classOf(row), cluster].filter(Boolean).join(" · ")));
  tooltip.hidden = false;
  const left = Math.min(event.clientX + 16, innerWidth - 310), top = Math.min(event.clientY + 16, innerHeight - 200);
  tooltip.style.left = `${left}px`;
  tooltip.style.top = `${top}px`;
}

const hideTooltip = () => { document.getElementById("tooltip").hidden = true; };

function showSelection() {
  const area = document.getElementById("map-selection");
  if (area) replace(area, ...selectionView());
}
