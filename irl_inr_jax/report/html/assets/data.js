// The content of the report as typed arrays, and small functions that build DOM nodes from text.

const content = JSON.parse(document.getElementById("content").textContent);
const ARRAY_TYPES = { uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array };

function bytesOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function unpack(packed) {
  if (packed === null || packed === undefined) return null;
  return new ARRAY_TYPES[packed.dtype](bytesOf(packed.data).buffer);
}

const images = {
  count: content.images.ids.length,
  ids: content.images.ids,
  columns: content.images.columns,
  labels: unpack(content.images.labels),
  outliers: unpack(content.images.outliers),
  theta: unpack(content.images.theta),
  tau: unpack(content.images.tau),
  points: unpack(content.images.points),
  thumbnail: unpack(content.images.thumbnail),
  similar: unpack(content.images.similar),
  numSimilar: content.images.similar.shape[1],
};
const clusterings = content.clusterings.map((entry) => ({
  ...entry,
  clusters: unpack(entry.clusters),
  confidence: unpack(entry.confidence),
}));

// The view: which clusterer, upright or as taken, and the selected rows.
const state = { clusterer: 0, upright: false, selection: new Set(), cluster: 0 };
const listeners = { view: [], selection: [], edits: [] };
const notify = (topic) => listeners[topic].forEach((listener) => listener());

const clustering = () => clusterings[state.clusterer];
const classOf = (row) => {
  const label = images.labels === null ? -1 : images.labels[row];
  return label < 0 ? "" : content.classes[label] ?? String(label);
};
const rowsWhere = (test) => {
  const rows = [];
  for (let row = 0; row < images.count; row++) if (test(row)) rows.push(row);
  return rows;
};
const percent = (share) => `${(100 * share).toFixed(1)} %`;

// Return a new element. Strings become text nodes, so that no text of the data is read as HTML.
function element(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const replace = (node, ...children) => node.replaceChildren(...children.filter((child) => child !== null));
const button = (text, onclick, options = {}) => element("button", { type: "button", onclick, ...options }, text);
const option = (value, text) => element("option", { value }, text);

function download(name, text, type) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

// Quote a cell of CSV, with an apostrophe before what a spreadsheet would evaluate, as irl_inr_jax/data/csv_cells.py does,
// unless the tables of the run are raw.
function csvCell(value) {
  let text = value === null || value === undefined ? "" : String(value);
  if (!content.raw_csv && /^'*[=+\-@\t\r]/.test(text) && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) text = `'${text}`;
  return quote(text);
}
const quote = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const csv = (rows) => rows.map((cells) => cells.map(csvCell).join(",")).join("\r\n") + "\r\n";

// Okabe and Ito's colours, which differ without colour vision too, then further ones; names are always shown as well.
const PALETTE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a6a00", "#5b3a8c", "#8c1d40", "#3d5a4c",
  "#f0b7a4", "#a6cee3", "#b2df8a", "#6a3d9a", "#ffb000", "#785ef0", "#fe6100", "#648fff", "#4b5320", "#999999"];
const NONE_COLOUR = "#c9cdd2";
const colourOf = (number) => (number < 0 ? NONE_COLOUR : PALETTE[number % PALETTE.length]);
