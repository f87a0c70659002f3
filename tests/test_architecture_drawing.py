"""The drawing of the architecture is that of the code."""

from tests.conftest import ROOT, load_script

drawing = load_script("docs/draw_architecture.py")


def test_the_committed_drawing_is_up_to_date():
    committed = (ROOT / "docs" / "pictures" / "architecture.svg").read_text()
    assert committed == drawing.render_drawing(), "the imports changed; run: python docs/draw_architecture.py"


def test_every_folder_is_drawn_and_every_arrow_points_downwards():
    layers, counts = drawing.list_layers(), drawing.count_imports(drawing.read_modules())
    assert {path.stem for path in drawing.PACKAGE.iterdir() if path.name[0] not in "_."} <= set(layers)
    assert counts["commands", "training"] > 0
    assert all(layers.index(source) < layers.index(target) for source, target in counts)


def test_imports_are_counted_once_per_pair_of_modules_and_also_inside_functions():
    sources = {
        "types": "",
        "data": "",
        "data.lazy": "from irl_inr_jax.types import A, B\nfrom irl_inr_jax import types",
        "training.step": "def f():\n    from irl_inr_jax.data.lazy import x\n    import irl_inr_jax.data\nimport jax",
    }
    counts = drawing.count_imports({name: drawing.ast.parse(text) for name, text in sources.items()})
    assert counts == {("data", "types"): 1, ("training", "data"): 2}
