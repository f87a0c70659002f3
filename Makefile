# make demo   trains on real handwritten digits and shows what kinds there are; make test   runs every test.
# make gpu-check   on a machine with an NVIDIA GPU: is everything right and fast there? Writes gpu_check.md.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
DEMO := runs/demo

.PHONY: demo test test-slow gpu-check clean

demo: $(VENV)/installed
	$(RUN) train.py --config configs/digits_u.py --workdir $(DEMO)
	$(RUN) evaluate.py --workdir $(DEMO) --clusterers kmeans,agglomerative,diffusion,scan,scan_orbit,orbit_knn
	@echo "The pictures are in $(DEMO)/eval; look at clusters_scan_orbit.png and canonical_views.png first."

test: $(VENV)/installed-tests
	$(RUN) -m pytest -n 2
	JAX_NUM_CPU_DEVICES=4 $(RUN) -m pytest -n 2

test-slow: $(VENV)/installed-tests
	$(RUN) -m pytest -n 2 -m slow
	JAX_NUM_CPU_DEVICES=4 $(RUN) -m pytest -n 2 -m slow

gpu-check: $(VENV)/installed
	$(RUN) -m pip install --quiet --disable-pip-version-check '.[cuda]'
	$(RUN) -m benchmarks.gpu_check --output gpu_check.md

$(VENV)/installed: requirements.txt
	$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'expected Python 3.11 or newer, found ' + sys.version.split()[0] + '; try make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/installed-tests: $(VENV)/installed pyproject.toml
	$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) *.egg-info
