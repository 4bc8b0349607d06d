# make start   open your copy of a lab           make labs    run and store every lab (or LAB=01)
# make check   the quick checks, five minutes    make bench   measure; writes docs/bench.md
# make test    run every check                   make docs    pages from the docstrings
# make clean   remove what was made              make site    the course as pages, offline
#
# Variables: PYTHON=python3.12   the Python to build on, 3.11 or newer
#            TORCH=cpu           PyTorch's CPU-only wheels instead of the 5 GB with CUDA,
#                                from PyTorch's own index. What came is checked afterwards. Where
#                                that index cannot be reached the set-up stops (only this was seen;
#                                the download itself could not be tried where this was written).
#            LAB=01              one lab for `make labs`, and which for `make start`; without it
#                                the lab that you were last in, at first lab 00

PYTHON ?= python3
TORCH ?=
LAB ?=

BIN := .venv/bin
READY := .venv/ready$(if $(TORCH),-$(TORCH))
# Compiled at once: else the first lab that exports a model compiles a thousand files while it runs.
UV_INSTALL := $(BIN)/uv pip install --python $(BIN)/python --compile-bytecode \
	--constraint constraints.txt --build-constraints constraints.txt
$(if $(filter-out cpu,$(TORCH)),$(error TORCH can only be cpu; it is "$(TORCH)"))

.PHONY: start check form test labs bench docs site clean
.DELETE_ON_ERROR:

start: $(READY)
	$(BIN)/python -m scaletoolkit start $(LAB) --open

check: form
	$(BIN)/python -m pytest -m "not slow" --durations=5

test: form
	$(BIN)/python -c "import autodoc2, myst_nb" 2>/dev/null || $(UV_INSTALL) --quiet -e ".[site]"
	$(BIN)/python -m pytest --durations=5

form: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

labs: $(READY)
	@set -e; for lab in labs/$(if $(LAB),$(LAB)[_.])*ipynb; do \
		$(BIN)/python -m scaletoolkit run "$$lab" --profile ci --save "$$lab"; \
	done

bench: $(READY)
	$(UV_INSTALL) --quiet -e ".[bench]"
	$(BIN)/python tests/bench

docs: $(READY)
	$(UV_INSTALL) --quiet -e ".[docs]"
	$(BIN)/python docs/build.py

site: $(READY)
	$(UV_INSTALL) --quiet -e ".[site]"
	$(BIN)/python docs/site.py

clean:
	rm -rf .venv build dist docs/_build *.egg-info .ruff_cache .mypy_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
	find data -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +

# One stamp for the whole installation: quick when nothing changed, renewed when a version did.
# Without a stamp an installation was interrupted, and files may be missing in it: made anew.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "scaletoolkit needs Python 3.11 or newer, and $(PYTHON) is not that."; \
		echo "Name another one, for example: make start PYTHON=python3.12"; exit 1; }
	@echo "Setting up .venv: the first time takes minutes and up to 6 GB of disk, most of it PyTorch."
	@ls .venv/ready* >/dev/null 2>&1 || rm -rf .venv
	@rm -f .venv/ready*
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(if $(TORCH),$(UV_INSTALL) --torch-backend cpu \
		--reinstall-package torch --reinstall-package torchvision torch torchvision)
	$(UV_INSTALL) -e ".[test]"
	$(if $(TORCH),$(BIN)/python -m scaletoolkit doctor --cpu-only)
	@touch $@
