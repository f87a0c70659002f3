"""Execute the notebooks of docs/notebooks and store them with their outputs.

    python docs/run_notebooks.py
    python docs/run_notebooks.py docs/notebooks/digits.ipynb

Each runs in a new empty folder, so that it names no file of the machine. What is stored is what a reader needs:
progress bars, messages on stderr and times of execution are left out, and an output that names a folder is an error.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

import nbclient
import nbformat

NOTEBOOKS = Path(__file__).resolve().parent / "notebooks"
MAX_CELL_SECONDS = 600
MAX_BYTES = 600_000
WIDGET = "application/vnd.jupyter.widget-view+json"
PROGRESS = re.compile(r"^.*\bs left\b.*\n?", re.MULTILINE)
ABSOLUTE = re.compile(r"(?<![\w.~:/<])/(?:work|tmp|home|root|Users|mnt|var|private)/[\w.]+")


def execute(path: Path) -> nbformat.NotebookNode:
    """Return the notebook with the outputs of a run in an empty folder. Raises nbclient's error if a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        client = nbclient.NotebookClient(
            notebook, timeout=MAX_CELL_SECONDS, kernel_name="python3", resources=resources, coalesce_streams=True
        )
        manager = client.create_kernel_manager()
        manager.transport, manager.ip = "ipc", str(Path(folder, ".kernel"))  # sockets of files instead of open ports
        # Jupyter shows figures by a backend of its own, unless the environment names another one.
        environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
        return client.execute(env=environment)


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the notebook without progress, messages on stderr, times and versions of the machine.

    Raises ValueError for an output that names a folder of the machine.
    """
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        cell.outputs = [
            output for output in cell.outputs if output.get("name") != "stderr" and WIDGET not in output.get("data", {})
        ]
        for output in cell.outputs:
            if output.output_type == "stream":
                output.text = PROGRESS.sub("", output.text)
        cell.outputs = [output for output in cell.outputs if output.get("text") != ""]
        found = ABSOLUTE.search(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])))
        if found:
            raise ValueError(f"expected outputs without folders of this machine, found {found[0]} in cell {number}")
    notebook.metadata = nbformat.NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    return notebook


def main(paths: list[str]) -> None:
    """Execute and store the notebooks at `paths`, or all."""
    for path in map(Path, paths) if paths else sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = clean(execute(path))
        text = nbformat.writes(notebook)
        if len(text.encode()) > MAX_BYTES:
            raise ValueError(f"expected at most {MAX_BYTES:,} bytes in {path}, found {len(text.encode()):,}; draw less")
        path.write_text(text + "\n")
        print(f"{path}: {len(text.encode()):,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
