// Edits of the clusters: a list of operations for each clusterer. What is shown follows from the list alone, so that
// undo removes the last one.

const operations = clusterings.map(() => []);
let derived = clusterings.map(() => null);

const JUNK = -2; // shown instead of the cluster of an image that is junk
const isNone = (number) => number < 0;
const defaultName = (number) => (number === JUNK ? "junk" : isNone(number) ? "none" : `cluster ${number}`);

// Return clusters, names and junk of a clusterer after its operations. home: the cluster of each image, also of junk.
function edited(which = state.clusterer) {
  if (derived[which] === null) {
    const { clusters, names, junk, count } = clusterings[which];
    const result = { home: Int32Array.from(clusters), names: new Map(Object.entries(names).map(([number, name]) => [Number(number), name])),
      junk: new Set(junk), count };
    operations[which].forEach((operation) => apply(result, operation));
    result.clusters = result.home.map((number, row) => (result.junk.has(row) ? JUNK : number));
    derived[which] = result;
  }
  return derived[which];
}

function apply(result, operation) {
  const { home, names, junk } = result;
  if (operation.kind === "rename") names.set(operation.cluster, operation.name);
  if (operation.kind === "merge") for (let row = 0; row < home.length; row++) if (home[row] === operation.from) home[row] = operation.into;
  if (operation.kind === "move") {
    operation.rows.forEach((row) => (home[row] = operation.into));
    result.count = Math.max(result.count, operation.into + 1);
  }
  if (operation.kind === "junk") operation.rows.forEach((row) => junk.add(row));
  if (operation.kind === "keep") operation.rows.forEach((row) => junk.delete(row));
}

const clusterName = (number, which = state.clusterer) => edited(which).names.get(number) || defaultName(number);

function edit(operation) {
  operations[state.clusterer].push(operation);
  derived[state.clusterer] = null;
  notify("edits");
}

function undo() {
  if (operations[state.clusterer].pop() === undefined) return;
  derived[state.clusterer] = null;
  notify("edits");
}

// Return [number, rows] of each cluster with members, in order; images without a cluster last, then junk.
function groups(which = state.clusterer) {
  const members = new Map();
  edited(which).clusters.forEach((number, row) => {
    if (!members.has(number)) members.set(number, []);
    members.get(number).push(row);
  });
  return [...members].sort(([a], [b]) => (isNone(a) || isNone(b) ? b - a : a - b));
}

function describe(operation) {
  const number = (cluster) => `${clusterName(cluster)} (${cluster})`;
  switch (operation.kind) {
    case "rename": return `cluster ${operation.cluster} is named “${operation.name}”`;
    case "merge": return `${number(operation.from)} is merged into ${number(operation.into)}`;
    case "move": return `${operation.rows.length} images are moved to ${number(operation.into)}`;
    case "junk": return `${operation.rows.length} images are marked as junk`;
    default: return `${operation.rows.length} images are no longer junk`;
  }
}

// Rows become ids, so that the file means the same images whatever their order.
function curationFile() {
  const ids = (operation) => {
    const { rows, ...rest } = operation;
    return rows === undefined ? rest : { ...rest, ids: rows.map((row) => images.ids[row]) };
  };
  return JSON.stringify({ format: "irl-inr curation", version: 1, clusterer: clustering().name, clustering: clustering().digest, data: content.data,
    operations: operations[state.clusterer].map(ids) }, null, 1) + "\n";
}

function curationTable() {
  const { home, junk } = edited();
  const rows = images.ids.map((id, row) => [id, home[row], clusterName(home[row]), junk.has(row) ? 1 : 0]);
  return csv([["id", "cluster", "name", "junk"], ...rows]);
}
