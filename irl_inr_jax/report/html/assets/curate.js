// Rename, merge and junk clusters, move images; and the list of edits with undo and download.

function curateRow(number) {
  const name = element("input", { id: "cluster-name", value: clusterName(number), "aria-label": "name of the cluster", maxlength: 120 });
  const others = groups().map(([other]) => other).filter((other) => other >= 0 && other !== number);
  const into = element("select", { id: "merge-into", "aria-label": "merge into" }, ...others.map((other) => option(other, clusterName(other))));
  const rename = () => { if (name.value.trim() && name.value !== clusterName(number)) edit({ kind: "rename", cluster: number, name: name.value.trim() }); };
  const members = () => rowsWhere((row) => edited().clusters[row] === number);
  name.addEventListener("keydown", (event) => { if (event.key === "Enter") rename(); });
  return element("div", { class: "row" }, name, button("Rename", rename, { id: "rename" }),
    others.length ? element("span", {}, " merge into ", into, " ") : null,
    others.length ? button("Merge", () => { const target = Number(into.value); state.cluster = target; edit({ kind: "merge", from: number, into: target }); }, { id: "merge" }) : null,
    button("Mark as junk", () => edit({ kind: "junk", rows: members() }), { id: "junk" }), button("Undo", undo));
}

function buildCurate(section) {
  const show = () => showEdits(section);
  listeners.edits.push(show);
  listeners.view.push(show);
  listeners.selection.push(show);
  show();
}

function showEdits(section) {
  if (!clusterings.length) return replace(section, element("p", {}, "No clusterer was run."));
  const edits = operations[state.clusterer];
  replace(section,
    element("h2", {}, `Edits of ${clustering().name}`),
    element("p", { class: "muted" }, "Rename, merge and mark clusters as junk in “Clusters”; move and mark selected images here or beside the map. Nothing is saved in this file: download the edits, and apply them to the run with irl-inr curate --workdir DIR FILE."),
    edits.length ? element("ol", { class: "edits" }, ...edits.map((operation) => element("li", {}, describe(operation)))) : element("p", {}, "There are no edits yet."),
    element("div", { class: "row" },
      button("Undo", undo, { id: "undo", disabled: !edits.length }),
      button("Download edits (JSON)", () => download("curation.json", curationFile(), "application/json"), { id: "download-json" }),
      button("Download all images (CSV)", () => download("curation.csv", curationTable(), "text/csv"), { id: "download-csv" })),
    ...nextView(),
    element("h2", {}, "Selected images"), ...selectionView());
}

// The images that irl-inr curate --propagate or --refine lists.
function nextView() {
  const rows = (clustering().next ?? []).filter((row) => !edited().junk.has(row));
  if (!rows.length) return [];
  return [
    element("h2", {}, "To look at next"),
    element("p", { class: "muted" }, "The corrections of these images would tell most, the first one most. Move each to its cluster, which confirms one that is there already, and apply the edits to the run."),
    element("div", { id: "next" }, gallery(rows, (row) => clusterName(edited().clusters[row]))),
  ];
}
