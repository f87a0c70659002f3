"""Draw docs/pictures/architecture.svg: the folders of the package in layer order and the imports between them.

    python docs/draw_architecture.py

The order of the layers is that of tests/test_imports.py, the descriptions are the first lines of the folders'
docstrings, and the imports are read from the syntax trees, so nothing is imported.
"""

import ast
import textwrap
from collections import Counter
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "irl_inr_jax"
DRAWING = ROOT / "docs" / "pictures" / "architecture.svg"

BOX_LEFT, BOX_WIDTH = 24, 470
TOP, GAP, BOTTOM = 92, 12, 24
LANE_LEFT, LANE_STEP = BOX_LEFT + BOX_WIDTH + 64, 22
ARROW_STEP, LINE_STEP = 15, 15
MAX_LETTERS = 54  # of a line of the description, left of the importers' names
COLOURS = ("#1f5f9e", "#b3541e", "#2a7f4f", "#8a3d8f", "#a3322e", "#4a6b8a", "#7a6a1f", "#1f7f8a", "#6b4fa0", "#c0417a")


class Folder(NamedTuple):
    """A box of the drawing."""

    name: str
    description: str
    parts: tuple[str, ...]  # subfolders
    num_modules: int


def list_layers() -> list[str]:
    """Return the top folders and modules of the package from the highest layer to the lowest."""
    tree = ast.parse((ROOT / "tests" / "test_imports.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "LAYERS":
            return list(dict.fromkeys(layer.split("/")[0] for layer in ast.literal_eval(node.value)))
    raise ValueError("expected an assignment to LAYERS in tests/test_imports.py, found none")


def read_modules() -> dict[str, ast.Module]:
    """Return dotted name within the package → syntax tree; packages are named without `__init__`."""
    modules = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        if name not in ("__init__", "__main__"):
            modules[name] = ast.parse(path.read_text())
    return modules


def find_imports(name: str, modules: dict[str, ast.Module]) -> set[str]:
    """Return the modules of the package that a module imports, inside functions too."""
    imported = set()
    for node in ast.walk(modules[name]):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for dotted in names:
            inner = dotted.removeprefix("irl_inr_jax.")
            if inner != dotted:
                imported.add(inner if inner in modules else inner.rpartition(".")[0])
    return imported & set(modules)


def count_imports(modules: dict[str, ast.Module]) -> Counter[tuple[str, str]]:
    """Return (importing folder, imported folder) → number of pairs of modules, for different folders."""
    counts: Counter[tuple[str, str]] = Counter()
    for name in modules:
        for other in find_imports(name, modules):
            source, target = name.split(".")[0], other.split(".")[0]
            if source != target:
                counts[source, target] += 1
    return counts


def describe_folder(name: str, modules: dict[str, ast.Module]) -> Folder:
    """Return the box of a folder or of a module at the top of the package."""
    members = [module for module in modules if module == name or module.startswith(f"{name}.")]
    parts = [module.split(".")[1] for module in members if module.count(".") == 1]
    parts = [part for part in parts if any(module.startswith(f"{name}.{part}.") for module in members)]
    sentence = (ast.get_docstring(modules[name]) or "").partition("\n")[0]
    return Folder(name, sentence.rstrip("."), tuple(parts), len(members) - (len(members) > 1))


def draw(folders: list[Folder], counts: Counter[tuple[str, str]]) -> str:
    """Return the SVG: boxes from top to bottom; one vertical line per importing folder, one arrow per imported one."""
    names = [folder.name for folder in folders]
    sources = [name for name in names if any(source == name for source, _ in counts)]
    incoming = {name: [source for source in names if (source, name) in counts] for name in names}
    texts = {folder.name: wrap_description(folder) for folder in folders}
    heights = {
        name: max(38 + LINE_STEP * len(texts[name]), 24 + ARROW_STEP * (1 + len(incoming[name]))) for name in names
    }
    tops, position = {}, TOP
    for name in names:
        tops[name] = position
        position += heights[name] + GAP
    # The lowest source has the innermost line, which keeps crossings few.
    lanes = {name: LANE_LEFT + LANE_STEP * (len(sources) - 1 - rank) for rank, name in enumerate(sources)}
    colours = {name: COLOURS[rank % len(COLOURS)] for rank, name in enumerate(sources)}
    width, height = LANE_LEFT + LANE_STEP * len(sources) + 12, position - GAP + BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        write(BOX_LEFT, 36, "The layers of irl_inr_jax", size=20, weight="bold"),
        write(BOX_LEFT, 58, "Arrow: the folder named at its tip imports this one", size=13, colour="#666666"),
        write(BOX_LEFT, 76, "Number: pairs of an importing and an imported module", size=13, colour="#666666"),
    ]
    right = BOX_LEFT + BOX_WIDTH
    for name in sources:
        targets = [target for target in names if (name, target) in counts]
        x, y = lanes[name], tops[name] + 13
        ends = {target: tops[target] + 22 + ARROW_STEP * (1 + incoming[target].index(name)) for target in targets}
        stroke = f'stroke="{colours[name]}" stroke-width="1.6" fill="none"'
        lines.append(f'<path d="M{right} {y}H{x - 6}Q{x} {y} {x} {y + 6}V{max(ends.values()) - 6}" {stroke}/>')
        lines.append(f'<circle cx="{right}" cy="{y}" r="3" fill="{colours[name]}"/>')
        for target, end in ends.items():
            lines.append(f'<path d="M{x} {end - 6}Q{x} {end} {x - 6} {end}H{right + 8}" {stroke}/>')
            tip = f"M{right + 1} {end}l9 -4v8z"
            lines.append(f'<path d="{tip}" fill="{colours[name]}"/>')
            lines.append(f'<rect x="{right + 16}" y="{end - 6}" width="20" height="12" fill="#ffffff"/>')
            number = str(counts[name, target])
            lines.append(write(right + 26, end + 4, number, size=11, colour=colours[name], anchor="middle"))
            lines.append(write(right - 8, end + 4, name, size=11, colour=colours[name], anchor="end"))
    boxes = []
    for folder in folders:
        top = tops[folder.name]
        boxes += [
            f'<rect x="{BOX_LEFT}" y="{top}" width="{BOX_WIDTH}" height="{heights[folder.name]}" rx="6" '
            'fill="#f5f7fa" stroke="#9aa5b1"/>',
            write(BOX_LEFT + 14, top + 24, folder.name, size=16, weight="bold"),
            write(right - 8, top + 17, size_of(folder), size=11, colour="#888888", anchor="end"),
            *(
                write(BOX_LEFT + 14, top + 43 + LINE_STEP * number, line, size=12, colour="#444444")
                for number, line in enumerate(texts[folder.name])
            ),
        ]
    return "\n".join([*lines[:5], *boxes, *lines[5:], "</svg>"]) + "\n"


def wrap_description(folder: Folder) -> list[str]:
    """Return the lines below a folder's name."""
    text = folder.description.replace("`", "")
    if folder.parts:
        text += f"; subfolders: {', '.join(folder.parts)}"
    return textwrap.wrap(text, MAX_LETTERS)


def size_of(folder: Folder) -> str:
    """Return the number of a folder's modules as text."""
    return f"{folder.num_modules} module{'s' * (folder.num_modules > 1)}"


def write(
    x: float, y: float, text: str, *, size: int, weight: str = "normal", colour: str = "#222222", anchor: str = "start"
) -> str:
    """Return a line of text that starts, is centred or ends at (x, y)."""
    style = f'font-size="{size}" font-weight="{weight}" fill="{colour}" text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(text)}</text>'


def render_drawing() -> str:
    """Return the SVG of the code as it is."""
    modules = read_modules()
    return draw([describe_folder(name, modules) for name in list_layers() if name in modules], count_imports(modules))


if __name__ == "__main__":
    DRAWING.write_text(render_drawing())
    print(f"wrote {DRAWING.relative_to(ROOT)}")
