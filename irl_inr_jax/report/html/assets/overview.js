// What was run, the verdict, the scores and the curves.

const AXIS = { gridcolor: "#e3e6ea", zeroline: false };

function buildOverview(section) {
  const { table, verdict, facts, notes } = content;
  const isNumber = (text) => /^[\d.,]/.test(text);
  replace(
    section,
    element("h2", {}, "Verdict"),
    verdict.length ? null : element("p", { class: "muted" }, "None: the evaluation was of scores only, or of an earlier version."),
    verdict.length
      ? element("ul", { class: "verdict" }, ...verdict.map((finding) =>
          element("li", { class: finding.good === null ? "" : finding.good ? "good" : "bad" }, finding.text)))
      : null,
    element("h2", {}, "Clusterers"),
    element("table", { id: "scores" },
      element("thead", {}, element("tr", {}, ...table.columns.map((name) => element("th", {}, name)))),
      element("tbody", {}, ...table.rows.map((row) =>
        element("tr", {}, ...row.map((cell) => element("td", { class: isNumber(cell) ? "number" : "" }, cell)))))),
    element("p", { class: "muted" }, "transductive: fitted to these images; inductive: fitted to the training images. pixels_kmeans, a baseline, clusters the pixels. Confidence is in [0, 1], as each clusterer defines it; a higher outlier score means more isolated."),
    notes.length ? element("ul", { class: "muted" }, ...notes.map((note) => element("li", {}, note))) : null,
    element("h2", {}, "Run"),
    element("table", { class: "facts" }, element("tbody", {}, ...facts.map(([name, value]) =>
      element("tr", {}, element("td", {}, name), element("td", {}, value))))),
    element("div", { class: "plots", id: "curves" }),
  );
  drawCurves(section.querySelector("#curves"));
}

function drawCurves(area) {
  const losses = Object.entries(content.curves).filter(([, curve]) => curve.steps.length > 1);
  if (losses.length) {
    const traces = losses.map(([name, curve]) => ({ name: plain(name), x: curve.steps, y: curve.values, mode: "lines" }));
    plot(area, "Loss by step", traces, { xaxis: { ...AXIS, title: { text: "step" } }, yaxis: { ...AXIS, type: "log" } });
  }
  const curves = content.num_clusters.curves;
  if (!curves) return;
  for (const name of ["silhouette", "stability"]) {
    plot(area, `${name} by number of clusters`, [{ x: curves.ks, y: curves[name], mode: "lines+markers" }],
      { xaxis: { ...AXIS, title: { text: "number of clusters" } }, yaxis: AXIS });
  }
}

function plot(area, title, traces, layout) {
  const node = element("div", { class: "plot" });
  area.append(node);
  Plotly.newPlot(node, traces, { title: { text: plain(title), font: { size: 14 } }, margin: { l: 60, r: 10, t: 36, b: 44 }, ...layout },
    { displayModeBar: false, responsive: true });
}

// plotly.js reads a few tags in its texts; these are the only characters that can begin one.
function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
