// Two clusterings: which images changed cluster.

const MAX_CELLS = 2500;
const pair = { first: 0, second: 0 };

function buildCompare(section) {
  if (clusterings.length < 2) return replace(section, element("p", {}, "Two clusterers are needed to compare; evaluate with more of them."));
  pair.second = 1;
  const choice = (which) => {
    const node = element("select", { id: which, onchange: (event) => { pair[which] = Number(event.target.value); showComparison(); } },
      ...clusterings.map(({ name }, number) => option(number, name)));
    node.value = pair[which];
    return node;
  };
  replace(section, element("div", { class: "row" }, "Rows ", choice("first"), " columns ", choice("second")),
    element("p", { class: "muted", id: "changed" }), element("div", { class: "matrix-scroll", id: "matrix" }), element("div", { id: "changed-images" }));
  listeners.edits.push(() => { if (!section.hidden) showComparison(); });
}

function showComparison() {
  if (clusterings.length < 2) return;
  const { first, second } = pair, a = edited(first).clusters, b = edited(second).clusters;
  const counts = new Map();
  for (let row = 0; row < images.count; row++) counts.set(`${a[row]},${b[row]}`, (counts.get(`${a[row]},${b[row]}`) ?? 0) + 1);
  const matches = matchClusters(counts);
  const agree = [...matches].reduce((sum, [from, to]) => sum + (counts.get(`${from},${to}`) ?? 0), 0);
  document.getElementById("changed").textContent = `${(images.count - agree).toLocaleString("en")} of ${images.count.toLocaleString("en")} images (${percent(1 - agree / images.count)}) are not in the matching cluster (outlined). Click a number to see the images.`;
  const rows = groups(first).map(([number]) => number);
  const matched = rows.map((number) => matches.get(number)).filter((number) => number !== undefined);
  const columns = [...matched, ...groups(second).map(([number]) => number).filter((number) => !matched.includes(number))];
  const show = (from, to) => replace(document.getElementById("changed-images"),
    element("h3", {}, `${clusterName(from, first)} (${clusterings[first].name}) and ${clusterName(to, second)} (${clusterings[second].name})`),
    gallery(rowsWhere((row) => a[row] === from && b[row] === to)));
  replace(document.getElementById("changed-images"));
  if (rows.length * columns.length > MAX_CELLS) return showLargest(counts, matches, show);
  const most = Math.max(...counts.values());
  const cell = (from, to) => {
    const count = counts.get(`${from},${to}`) ?? 0;
    const node = button(count ? count.toLocaleString("en") : "", () => show(from, to), { "data-pair": `${from},${to}`, disabled: !count });
    return element("td", { class: matches.get(from) === to ? "same" : "", style: `background: rgba(11, 92, 173, ${(0.45 * Math.sqrt(count / most)).toFixed(3)})` }, node);
  };
  replace(document.getElementById("matrix"), element("table", { class: "matrix" },
    element("thead", {}, element("tr", {}, element("th"), ...columns.map((to) => element("th", { scope: "col", title: clusterName(to, second) }, clusterName(to, second))))),
    element("tbody", {}, ...rows.map((from) => element("tr", {}, element("th", { scope: "row", title: clusterName(from, first) }, clusterName(from, first)), ...columns.map((to) => cell(from, to)))))));
}

// Match clusters one to one, the pair that shares most images first.
function matchClusters(counts) {
  const matches = new Map(), taken = new Set();
  [...counts].sort((x, y) => y[1] - x[1]).forEach(([key]) => {
    const [from, to] = key.split(",").map(Number);
    if (matches.has(from) || taken.has(to)) return;
    matches.set(from, to);
    taken.add(to);
  });
  return matches;
}

function showLargest(counts, matches, show) {
  const changed = [...counts].map(([key, count]) => [...key.split(",").map(Number), count]).filter(([from, to]) => matches.get(from) !== to);
  const largest = changed.sort((x, y) => y[2] - x[2]).slice(0, 100);
  replace(document.getElementById("matrix"), element("p", {}, "The 100 largest groups of images that changed cluster:"),
    element("div", { class: "row" }, ...largest.map(([from, to, count]) =>
      button(`${clusterName(from, pair.first)} → ${clusterName(to, pair.second)}: ${count}`, () => show(from, to), { "data-pair": `${from},${to}` }))));
}
