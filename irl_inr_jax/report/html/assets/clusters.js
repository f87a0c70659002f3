// One cluster at a time: portraits, classes and members.

const ORDERS = {
  typical: { text: "typical first", sort: (rows) => byValue(rows, (row) => -clustering().confidence[row]) },
  ambiguous: { text: "ambiguous first", sort: (rows) => byValue(rows, (row) => clustering().confidence[row]) },
  outlier: { text: "outliers first", sort: (rows) => byValue(rows, (row) => -(images.outliers?.[row] ?? 0)) },
  random: { text: "random", sort: (rows) => byValue(rows, (row) => (row * 2654435761) % 4294967296) },
};
const byValue = (rows, value) => [...rows].sort((a, b) => value(a) - value(b) || a - b);
let order = "typical";

function buildClusters(section) {
  if (images.outliers === null) delete ORDERS.outlier;
  const area = element("div", { class: "cluster-area" }, element("div", { class: "cluster-list", id: "cluster-list" }), element("div", { id: "cluster" }));
  replace(section, area);
  const show = () => { if (!section.hidden) showClusters(); };
  listeners.view.push(show);
  listeners.edits.push(show);
}

function showClusters() {
  if (!clusterings.length) return replace(document.getElementById("cluster"), element("p", {}, "No clusterer was run."));
  const all = groups();
  if (!all.some(([number]) => number === state.cluster)) state.cluster = all[0][0];
  replace(document.getElementById("cluster-list"), ...all.map(([number, rows]) =>
    element("button", { type: "button", "data-cluster": number, "aria-current": number === state.cluster, onclick: () => openCluster(number) },
      portrait(clustering().means[number], ""),
      element("span", {}, clusterName(number), element("br"), element("span", { class: "muted" }, `${rows.length.toLocaleString("en")} images`)))));
  showCluster(all.find(([number]) => number === state.cluster)[1]);
}

function openCluster(number) {
  state.cluster = number;
  showClusters();
}

const portrait = (url, alt) => (url ? element("img", { src: url, alt }) : element("span"));

function showCluster(rows) {
  const number = state.cluster, { means, drawings, centres } = clustering();
  const figure = (url, text) => (url ? element("figure", {}, portrait(url, text), element("figcaption", {}, text)) : null);
  const choice = element("select", { id: "order", onchange: (event) => { order = event.target.value; showCluster(rows); } },
    ...Object.entries(ORDERS).map(([name, { text }]) => option(name, text)));
  choice.value = order;
  replace(document.getElementById("cluster"),
    element("h2", {}, `${clusterName(number)} · ${clustering().name}`),
    element("p", { class: "muted" }, `${rows.length.toLocaleString("en")} of ${images.count.toLocaleString("en")} images (${percent(rows.length / images.count)}) of ${content.title}`),
    number < 0 ? null : curateRow(number),
    element("div", { class: "portraits" },
      figure(means[number], images.theta === null ? "mean of the images" : `mean of ${Math.min(content.mean_of, rows.length).toLocaleString("en")} upright images`),
      drawings ? figure(drawings[number], `the INR's drawing of the image nearest to the centre, ${centres[number] >= 0 ? images.ids[centres[number]] : ""}`) : null,
      classShares(rows)),
    element("div", { class: "row" }, element("label", {}, "Members ", choice),
      button("Select all", () => select(rows))),
    gallery(ORDERS[order].sort(rows), (row) => [clustering().confidence[row].toFixed(2), classOf(row)].filter(Boolean).join(" · ")));
}

function classShares(rows) {
  if (images.labels === null || !content.classes.length) return null;
  const counts = new Map();
  rows.forEach((row) => counts.set(classOf(row) || "no label", (counts.get(classOf(row) || "no label") ?? 0) + 1));
  const sorted = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 8);
  return element("div", {}, ...sorted.map(([name, count]) =>
    element("div", { class: "bar" }, element("span", {}, name), element("div", { style: `width: ${(180 * count) / rows.length}px` }), element("span", {}, percent(count / rows.length)))));
}
