// Tabs, controls and keys.

const TABS = [
  ["overview", "Overview", buildOverview, () => {}],
  ["map", "Map", buildMap, showMap],
  ["clusters", "Clusters", buildClusters, showClusters],
  ["compare", "Compare", buildCompare, showComparison],
  ["curate", "Curate", buildCurate, () => {}],
];

function openTab(name) {
  for (const [other, , , show] of TABS) {
    document.getElementById(other).hidden = other !== name;
    document.getElementById(`tab-${other}`).setAttribute("aria-selected", other === name);
    if (other === name) show();
  }
}

document.getElementById("title").textContent = content.title;
const chooser = document.getElementById("clusterer");
chooser.append(...clusterings.map(({ name }, number) => option(number, name)));
chooser.addEventListener("change", () => { state.clusterer = Number(chooser.value); state.cluster = 0; map.only.clear(); notify("view"); });
const upright = document.getElementById("upright");
upright.disabled = images.theta === null;
upright.addEventListener("change", () => {
  state.upright = upright.checked;
  document.querySelectorAll(".thumb canvas").forEach((canvas) => {
    canvas.dataset.kind = currentKind();
    draw(canvas, Number(canvas.dataset.row), currentKind());
  });
});

const tabs = document.getElementById("tabs");
for (const [name, text, build] of TABS) {
  tabs.append(element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": name, "aria-selected": false, onclick: () => openTab(name) }, text));
  build(document.getElementById(name));
}
openTab("overview");

addEventListener("keydown", (event) => {
  const typing = /^(input|select|textarea)$/i.test(event.target.tagName) && event.target.type !== "checkbox";
  if (typing || document.getElementById("detail").open) return;
  const tab = TABS["12345".indexOf(event.key)];
  if (event.key === "u" && !event.ctrlKey && !event.metaKey) upright.click();
  else if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
  else if (event.key.length === 1 && tab && !event.ctrlKey && !event.metaKey && !event.altKey) openTab(tab[0]);
  else return;
  event.preventDefault();
});
