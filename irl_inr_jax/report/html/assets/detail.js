// One image: pose, clusters, reconstruction, canonical view and its nearest images under all rotations.

function openDetail(row) {
  const dialog = document.getElementById("detail");
  const view = (kind, text) => (atlases[KINDS[kind].atlas] && hasThumbnail(row) && (images.theta !== null || kind === "taken")
    ? element("figure", {}, picture(row, kind, 170), element("figcaption", {}, text)) : null);
  const facts = [
    ["class", classOf(row)],
    ["rotation", images.theta === null ? "" : `${((images.theta[row] * 180) / Math.PI).toFixed(1)}° counter-clockwise`],
    ["shift", images.tau === null ? "" : `${images.tau[2 * row].toFixed(3)} right, ${images.tau[2 * row + 1].toFixed(3)} up, in half sides`],
    ["outlier score", images.outliers === null ? "" : images.outliers[row].toFixed(2)],
    ...clusterings.map((each, which) => [each.name, `${clusterName(edited(which).clusters[row], which)}, confidence ${each.confidence[row].toFixed(2)}`]),
    ...Object.entries(images.columns).map(([name, values]) => [name, String(values[row])]),
  ].filter(([, value]) => value !== "");
  const nearest = Array.from(images.similar.subarray(row * images.numSimilar, (row + 1) * images.numSimilar));
  replace(dialog,
    element("div", { class: "row" }, button("Close", () => dialog.close(), { id: "close-detail" }), button("Select", () => toggle(row))),
    element("h2", {}, images.ids[row]),
    element("div", { class: "views" }, view("taken", "as taken"), view("upright", "upright"), view("reconstruction", "reconstruction"), view("canonical", "canonical view, drawn from z")),
    element("table", { class: "facts" }, element("tbody", {}, ...facts.map(([name, value]) => element("tr", {}, element("td", {}, name), element("td", {}, value))))),
    nearest.length ? element("h3", {}, `Nearest images (by ${content.images.similar_by})`) : null,
    nearest.length ? gallery(nearest, (other) => (clusterings.length ? clusterName(edited().clusters[other]) : classOf(other))) : null);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}
