"""The order of the layers: a file imports only from layers above its own, and no layer is missing from the list."""

import ast
from pathlib import Path

import irl_inr_jax

PACKAGE = Path(irl_inr_jax.__file__).parent
LAYERS = [
    ["types", "memory", "stopping", "compile_cache", "speed"],
    ["geometry", "distributed"],
    ["metrics", "data", "models", "augment", "sharding"],
    ["objectives", "views"],
    ["pose"],
    ["orbits"],
    ["methods"],
    ["joining", "training", "parallel", "checkpoint", "logs", "settings"],
    ["streaming", "startup"],
    ["embed"],
    ["equivariance", "runs", "clustering"],
    ["comparison"],
    ["evaluation", "inspection"],
    ["report"],
    ["cli"],
    ["paper"],
    ["__main__"],
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        modules = []
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module] if node.module != "irl_inr_jax" else [f"irl_inr_jax.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        yield from (module.split(".")[1] for module in modules if module.startswith("irl_inr_jax."))


def test_nothing_is_imported_from_below():
    for path in PACKAGE.rglob("*.py"):
        if path.parent == PACKAGE and path.name == "__init__.py":
            continue
        for room in imported_rooms(path):
            own = room_of(path)
            assert room == own or RANK[room] < RANK[own], f"{path.relative_to(PACKAGE)} imports {room}"


def test_the_package_imports_no_configuration_and_no_script():
    for path in PACKAGE.rglob("*.py"):
        names = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
            + ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [])
        }
        assert not names & {"configs", "train", "evaluate", "tests"}, path
