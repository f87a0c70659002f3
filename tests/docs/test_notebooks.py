"""The notebooks run, and are stored with outputs of a run and without names of the machine."""

import pytest

pytest.importorskip("nbclient")

import nbformat

from tests.conftest import ROOT, load_script

notebooks = load_script("docs/run_notebooks.py")
PATHS = sorted(notebooks.NOTEBOOKS.glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def make_notebook(*outputs):
    cell = nbformat.v4.new_code_cell("fit()", outputs=list(outputs), metadata={"execution": {"started": "now"}})
    return nbformat.v4.new_notebook(cells=[cell], metadata={"language_info": {"name": "python", "version": "3.11.2"}})


@every_notebook
def test_a_stored_notebook_has_its_outputs_in_order_and_is_small(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert sum(bool(cell.outputs) for cell in code) > len(code) / 2
    assert path.stat().st_size < notebooks.MAX_BYTES
    assert notebooks.clean(nbformat.read(path, as_version=4)) == notebook


@every_notebook
@pytest.mark.slow
def test_a_notebook_runs_in_an_empty_folder(path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    executed = notebooks.clean(notebooks.execute(path))
    stored = nbformat.read(path, as_version=4)
    for cell, before in zip(executed.cells, stored.cells, strict=True):
        kinds = [[output.output_type for output in each.get("outputs", [])] for each in (cell, before)]
        assert kinds[0] == kinds[1], cell.source


def test_progress_and_times_are_not_stored():
    text = nbformat.v4.new_output("stream", name="stdout", text="599 images\nstep 3/7  2 s left  loss 0.1\n")
    bar = nbformat.v4.new_output("stream", name="stdout", text="aligned 1/1  0 s left  \n")
    progress = nbformat.v4.new_output("stream", name="stderr", text="step 3/7")
    widget = nbformat.v4.new_output("display_data", data={notebooks.WIDGET: {"model_id": "1"}})
    cleaned = notebooks.clean(make_notebook(progress, text, bar, widget))
    assert [output.text for output in cleaned.cells[0].outputs] == ["599 images\n"]
    assert cleaned.cells[0].metadata == {} and "version" not in cleaned.metadata.language_info


@pytest.mark.parametrize("text", ["saved to /tmp/x1/model.irl", "'/home/me/photos'"])
def test_an_output_that_names_a_folder_of_the_machine_is_refused(text):
    with pytest.raises(ValueError, match="expected outputs without folders"):
        notebooks.clean(make_notebook(nbformat.v4.new_output("stream", name="stdout", text=text)))
    notebooks.clean(make_notebook(nbformat.v4.new_output("stream", name="stdout", text="see https://a.org/home/x")))
