# make demo       train on real handwritten digits and cluster them: about five minutes on two CPU cores.
# make test       the fast tests; make test-slow the others: processes, end-to-end runs, benchmarks.
# make docs       the documentation as a site: site/index.html.
# make lint       style, formatting and types. make gpu-check needs an NVIDIA GPU and writes gpu_check.md.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --quiet --disable-pip-version-check install
DEMO := runs/demo
unexport PYTHONDONTWRITEBYTECODE  # compiled modules start every command and test process sooner

.PHONY: demo test test-slow docs lint gpu-check clean

demo: $(VENV)/installed
	$(RUN) train.py --config configs/digits_u.py --workdir $(DEMO)
	$(RUN) evaluate.py --workdir $(DEMO)
	$(RUN) -m irl_inr_jax report --workdir $(DEMO)
	@echo "Open $(DEMO)/report.html in a browser; figures are in $(DEMO)/eval."

test: $(VENV)/installed-tests
	$(RUN) -m pytest -n 2
	JAX_NUM_CPU_DEVICES=4 $(RUN) -m pytest -n 2

test-slow: $(VENV)/installed-tests
	$(RUN) -m pytest -n 2 -m slow

docs: $(VENV)/installed-tests
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict

lint: $(VENV)/installed-tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright

gpu-check: $(VENV)/installed
	$(PIP) '.[cuda]'
	$(RUN) -m benchmarks.gpu_check --output gpu_check.md

$(VENV)/installed: requirements.txt pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'expected Python 3.11 or newer, found ' + sys.version.split()[0] + '; try make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/installed-tests: $(VENV)/installed
	$(PIP) --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) site *.egg-info
