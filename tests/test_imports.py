"""Test the layering of the package: a module imports only from folders below its own, and names are unique."""

import ast
from collections import defaultdict
from pathlib import Path

import irl_inr_jax

PACKAGE = Path(irl_inr_jax.__file__).parent
ROOT = PACKAGE.parent
LAYERS = [  # from the highest to the lowest, as data flow; a folder in brackets is inside the folder named before it
    "commands",
    "estimator",
    "estimator_protocol",
    "workflows",
    "report",
    "report/figures",
    "deployment",
    "evaluation",
    "clustering",
    "clustering/neighbours",
    "training",
    "methods",
    "models",
    "augment",
    "data/datasets",
    "data/readers",
    "data",
    "devices",
    "config",
    "metrics",
    "geometry",
    "types",
]


def layer_of(module):
    """The layer of a dotted module name within the package; the longest folder that contains it."""
    path = module.replace(".", "/")
    return max((layer for layer in LAYERS if path == layer or path.startswith(f"{layer}/")), key=len, default=None)


def modules():
    """(dotted name within the package, syntax tree) of every module below the front door."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        if name not in ("__init__", "__main__"):
            yield name, ast.parse(path.read_text())


def imported_names(tree):
    """Every dotted name that a module imports, functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_modules_import_only_from_layers_below_their_own():
    rank = {layer: number for number, layer in enumerate(LAYERS)}
    for module, tree in modules():
        own = layer_of(module)
        assert own is not None, f"{module} is in no layer of LAYERS"
        for name in imported_names(tree):
            if name.startswith("irl_inr_jax."):
                other = layer_of(name.removeprefix("irl_inr_jax."))
                assert other is not None, f"{module} imports {name}, which is in no layer"
                assert rank[other] >= rank[own], f"{module} imports {name}, which is above it"


def test_there_are_no_import_cycles():
    edges = defaultdict(set)
    names = {module for module, _ in modules()}
    for module, tree in modules():
        for name in imported_names(tree):
            name = name.removeprefix("irl_inr_jax.")
            target = name if name in names else name.rpartition(".")[0]
            if target in names and target != module:
                edges[module].add(target)
    finished, path = set(), []

    def visit(module):
        assert module not in path, f"import cycle: {' -> '.join([*path[path.index(module) :], module])}"
        if module not in finished:
            path.append(module)
            for target in sorted(edges[module]):
                visit(target)
            path.pop()
            finished.add(module)

    for module in sorted(names):
        visit(module)


def test_the_package_imports_no_script_preset_or_test():
    for module, tree in modules():
        roots = {name.split(".")[0] for name in imported_names(tree)}
        assert not roots & {"configs", "papers", "benchmarks", "train", "evaluate", "tests"}, module
        assert not any(name.startswith("irl_inr_jax.presets") for name in imported_names(tree)), module


def test_no_two_modules_and_no_two_public_functions_share_a_name():
    # A clusterer and a method named after the same algorithm each live in a file of that name. A file of commands/ has
    # the name of its verb, also where a layer, `report`, or the record that training builds, `run`, has it.
    shared_modules = {"orbit_knn", "report", "run"}
    # The contract of a method: every file of methods/ defines these.
    contract = {"make_method", "init", "loss", "encode", "encode_in_training", "reconstruct"}
    # The contract of a command: every verb's file of commands/ defines these.
    command_contract = {"main", "define_flags", "run"}
    stems, functions = defaultdict(list), defaultdict(list)
    for module, tree in modules():
        stem = module.rpartition(".")[2]
        stems[stem].append(module)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                if module.startswith("commands.") and node.name in command_contract:
                    continue
                if not (module.startswith("methods.") and (node.name in contract or is_private_to_method(node))):
                    functions[node.name].append(module)
    repeated = {stem: places for stem, places in stems.items() if len(places) > 1 and stem not in shared_modules}
    assert not repeated
    assert not {name: places for name, places in functions.items() if len(places) > 1}


def is_private_to_method(node):
    """Whether a definition of methods/ is a step of that method alone; those steps have the same name in each."""
    steps = {"Parts", "Posterior", "make_views", "divergences", "predict_logits", "apply_encoder", "sample_factors"}
    return node.name in steps
