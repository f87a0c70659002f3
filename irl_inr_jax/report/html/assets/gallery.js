// Grids of thumbnails, and the selection.

const PAGE = 60;

// Return a node that shows the rows, a page at a time, as taken or upright.
function gallery(rows, note = (row) => classOf(row)) {
  const grid = element("div", { class: "gallery" });
  const more = button("More", () => append(), { class: "more" });
  let shown = 0;
  const append = () => {
    grid.append(...rows.slice(shown, shown + PAGE).map((row) => thumb(row, note)));
    shown = Math.min(shown + PAGE, rows.length);
    more.textContent = `More (${(rows.length - shown).toLocaleString("en")} left)`;
    more.hidden = shown >= rows.length;
  };
  append();
  return element("div", {}, grid, more);
}

function thumb(row, note) {
  const junk = clusterings.length && edited().junk.has(row);
  const node = element("button",
    { type: "button", class: junk ? "thumb junk" : "thumb", "data-row": row, "aria-pressed": state.selection.has(row),
      title: `${images.ids[row]}\nEnter or click: open. Space or Ctrl-click: select.` },
    picture(row, currentKind(), 74), element("span", {}, images.ids[row].split("/").pop()), element("span", {}, note(row) || "\u00a0"));
  node.addEventListener("click", (event) => (event.ctrlKey || event.metaKey ? toggle(row) : openDetail(row)));
  node.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    toggle(row);
  });
  return node;
}

function toggle(row) {
  state.selection.has(row) ? state.selection.delete(row) : state.selection.add(row);
  notify("selection");
}

function select(rows) {
  state.selection = new Set(rows);
  notify("selection");
}

// Keep thumbnails and the count in step with the selection.
listeners.selection.push(() => {
  const count = state.selection.size;
  document.getElementById("selection-count").textContent = count ? `${count.toLocaleString("en")} selected` : "";
  document.querySelectorAll(".thumb").forEach((node) => node.setAttribute("aria-pressed", state.selection.has(Number(node.dataset.row))));
});

function selectionView() {
  const rows = [...state.selection];
  if (rows.length === 0) return [element("p", { class: "muted" }, "Nothing is selected. Draw a lasso or a box, or select thumbnails with Space.")];
  return [
    element("h3", {}, `${rows.length.toLocaleString("en")} images selected`),
    element("div", { class: "row" }, button("Download CSV", downloadSelection, { class: "download-selection" }), button("Clear", () => select([]))),
    ...(clusterings.length ? [selectionActions()] : []),
    gallery(rows),
  ];
}

function selectionActions() {
  const target = element("select", { "aria-label": "target cluster" },
    ...groups().filter(([number]) => number >= 0).map(([number]) => option(number, clusterName(number))), option(edited().count, "a new cluster"));
  const rows = () => [...state.selection];
  return element("div", { class: "row" }, "Move to ", target,
    button("Move", () => edit({ kind: "move", rows: rows(), into: Number(target.value) }), { class: "move" }),
    button("Junk", () => edit({ kind: "junk", rows: rows() })), button("Not junk", () => edit({ kind: "keep", rows: rows() })));
}

function downloadSelection() {
  const columns = Object.keys(images.columns);
  const header = ["id", ...(images.labels === null ? [] : ["label"]), ...clusterings.flatMap(({ name }) => [name, `${name}_confidence`]), "outlier_score", ...columns];
  const rows = [...state.selection].map((row) => [
    images.ids[row], ...(images.labels === null ? [] : [classOf(row)]),
    ...clusterings.flatMap((each) => [each.clusters[row], each.confidence[row].toFixed(4)]),
    images.outliers === null ? "" : images.outliers[row].toFixed(4), ...columns.map((name) => images.columns[name][row])]);
  download("selection.csv", csv([header, ...rows]), "text/csv");
}
