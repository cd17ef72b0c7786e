# make demo   draw every model of the zoo into demo/ and list them in demo/index.html
# make gallery  the figures of the paper, as SVG, PNG, PDF and TikZ, in gallery/index.html
# make notation  every symbol with the code that makes it and its meaning, in notation/index.html
# make notebooks  run notebooks/source/*.py and write them with their outputs
# make test   everything that continuous integration runs, in 20 minutes at most on two cores
#
# Parts of `make test`: lint, js, pure, torch, timm, page, books.  Each has a budget in seconds, enforced and printed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

# What each may take at most; all of them take about 900 s, the notebooks about 100 of them, and may take 1200.
INSTALL_S := 200
NPM_S := 60
APT_S := 150
LINT_S := 50
JS_S := 30
PURE_S := 60
TORCH_S := 720
PAGE_S := 220
TIMM_S := 100
TIMM_INSTALL_S := 20
BOOKS_S := 360

# Enough for any model, and outside `make test`.
DEMO_S := 900

PART := .ci/part
# Two workers share two cores; more threads in each would only wait for one another.
PYTEST := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n $(WORKERS) --durations=5

.PHONY: demo gallery notation notebooks test lint pure torch timm js page books bench peers sweep static clean

demo: $(VENV)/.installed
	$(PART) demo $(DEMO_S) $(BIN)/python -m ncd.demo demo

gallery: $(VENV)/.installed
	$(PART) gallery $(DEMO_S) $(BIN)/python -m ncd.gallery gallery

notation: $(VENV)/.installed
	$(PART) notation $(DEMO_S) $(BIN)/python -m ncd.notation notation

# In order, for notebooks share the machine's two cores with nothing else.
notebooks: $(VENV)/.installed $(VENV)/.debian
	$(PART) notebooks $(DEMO_S) $(BIN)/python -m tools.notebooks

test: $(VENV)/.debian lint js pure torch timm page books

lint: $(VENV)/.installed
	$(PART) lint $(LINT_S) sh -c '$(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache'

pure: $(VENV)/.installed
	$(PART) pure $(PURE_S) env $(PYTEST) tests/pure

torch: $(VENV)/.installed
	$(PART) torch $(TORCH_S) env $(PYTEST) tests/torch

timm: $(VENV)/.timm
	$(PART) timm $(TIMM_S) env HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(VENV)/timm/bin/python -m pytest -n $(WORKERS) tests/timm

js: $(VENV)/.node
	$(PART) js $(JS_S) sh -c 'npm --prefix js test && npm --prefix js run test:lab'

page: $(VENV)/.installed $(VENV)/.debian
	$(PART) page $(PAGE_S) env $(PYTEST) --dist loadfile tests/page

books: $(VENV)/.installed
	$(PART) books $(BOOKS_S) env $(PYTEST) tests/notebooks

# Beside other tools, then ratios against the targets; takes long, and is no test.  A result worth keeping goes into benchmarks/results.
bench: $(VENV)/.installed peers
	HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks $(RESULT)

# Hundreds of programs traced, checked, turned back into modules and drawn: see benchmarks/sweep.  Takes
# long, fails on nothing.  Each environment has its own suite; the reports are kept in benchmarks/results.
SWEEPS := .venv-sweep
SWEEP := HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
RESULTS := benchmarks/results

sweep: $(VENV)/.installed $(SWEEPS)/transformers4/.installed $(VENV)/.timm
	$(SWEEP) $(BIN)/python -m benchmarks.sweep.operators -n $(WORKERS) --out $(RESULTS)/operators.txt
	$(SWEEP) $(BIN)/python -m benchmarks.sweep torch_modules -n $(WORKERS) --out $(RESULTS)/torch-modules.txt
	$(SWEEP) $(BIN)/python -m benchmarks.sweep programs -n $(WORKERS) --out $(RESULTS)/programs.txt
	$(SWEEP) $(BIN)/python -m benchmarks.sweep transformers -n $(WORKERS) --out $(RESULTS)/transformers-5.23.txt
	$(SWEEP) $(SWEEPS)/transformers4/bin/python -m benchmarks.sweep transformers -n $(WORKERS) \
	  --out $(RESULTS)/transformers-4.57.txt
	$(SWEEP) $(VENV)/timm/bin/python -m benchmarks.sweep timm -n $(WORKERS) --out $(RESULTS)/timm.txt

# Beside other tools that draw torch modules (needs graphviz's dot); what was measured already is not measured again.
PEERS := torchview==0.2.7 torchviz==0.0.3 torchlens==2.36.1 torchvista==0.2.13 ai-edge-model-explorer==0.1.34 \
  ai-edge-model-explorer-adapter==0.2.1 portpicker watchdog dacite flask werkzeug itsdangerous blinker click termcolor

peers: $(SWEEPS)/peers/.installed
	$(SWEEP) $(SWEEPS)/peers/bin/python -m benchmarks.peers $(RESULTS)/peers.txt

# The front end, from js/src into ncd/static and ncd/labextension, which are committed; `make js` fails where
# they differ from it.
static: $(VENV)/.node
	npm --prefix js run build

clean:
	rm -rf $(VENV) $(SWEEPS) js/node_modules demo gallery notation build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

# ---------------------------------------------------------------------------- what the parts need

# torch by itself and first: see constraints.txt.
$(VENV)/.installed: pyproject.toml constraints.txt Makefile
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PART) install $(INSTALL_S) sh -ec '\
	  $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch; \
	  $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"'
	touch $@

# An older transformers has pins of its own: huggingface_hub below 1, an older tokenizers.
$(SWEEPS)/transformers4/.installed: Makefile constraints.txt
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(@D)/bin/pip install --quiet --disable-pip-version-check -e .
	$(@D)/bin/pip install --quiet --disable-pip-version-check transformers==4.57.6
	touch $@

# timm on top of the common environment, where nothing else sees it: it imports torchvision, of whose wheel
# constraints.txt tells; the suite declares the two operators that this import lacks here.  Without what either
# depends on: that would be another torch.
$(VENV)/.timm: $(VENV)/.installed
	test -x $(VENV)/timm/bin/python || $(PYTHON) -m venv $(VENV)/timm
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	  > $$(echo $(VENV)/timm/lib/python*/site-packages)/beside.pth
	$(PART) "pip timm" $(TIMM_INSTALL_S) $(VENV)/timm/bin/pip install --quiet --disable-pip-version-check --no-deps \
	  timm==1.0.31 torchvision==0.28.0 pillow
	touch $@

$(SWEEPS)/peers/.installed: $(VENV)/.installed
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	  > $$(echo $(@D)/lib/python*/site-packages)/beside.pth
	$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps $(PEERS)
	touch $@

$(VENV)/.node: js/package.json js/package-lock.json
	mkdir -p $(VENV)
	$(PART) "npm ci" $(NPM_S) npm --prefix js ci --no-audit --no-fund
	touch $@

# Debian's browser and TeX for tests/page, and the fonts that the table of text widths was made from.
DEBIAN := chromium fonts-liberation poppler-utils texlive-latex-base texlive-pictures
$(VENV)/.debian:
	mkdir -p $(VENV)
	dpkg -s $(DEBIAN) >/dev/null 2>&1 || $(PART) apt $(APT_S) sh -ec '\
	  apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(DEBIAN)'
	touch $@
