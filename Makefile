# make start   open the labs in JupyterLab       make labs    run and store every lab (or LAB=01)
# make test    run every check                   make bench   measure; writes data/bench.md
# make clean   remove what was installed and generated
#
# Variables: PYTHON=python3.12   the Python to build on, 3.11 or newer
#            TORCH=cpu           PyTorch's CPU-only wheels instead of the 5 GB with CUDA,
#                                from PyTorch's own index. What came is checked afterwards. Where
#                                that index cannot be reached the set-up stops (only this was seen;
#                                the download itself could not be tried where this was written).
#            LAB=01              one lab for `make labs`

PYTHON ?= python3
TORCH ?=
LAB ?=

BIN := .venv/bin
READY := .venv/ready$(if $(TORCH),-$(TORCH))
# Compiled at once: else the first lab that exports a model compiles a thousand files while it runs.
UV_INSTALL := $(BIN)/uv pip install --python $(BIN)/python --constraint constraints.txt --compile-bytecode
FIRST := labs/00_start_here.ipynb
$(if $(filter-out cpu,$(TORCH)),$(error TORCH can only be cpu; it is "$(TORCH)"))
# Jupyter refuses to run as root unless told; containers often are.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: start test labs bench clean
.DELETE_ON_ERROR:

start: $(READY)
	@echo "JupyterLab opens in your browser. Where there is none, open the address that it prints."
	$(BIN)/jupyter lab --ip=127.0.0.1 $(AS_ROOT) --LabApp.default_url=/lab/tree/$(FIRST)

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest --durations=5

labs: $(READY)
	@set -e; for lab in labs/$(LAB)*.ipynb; do \
		$(BIN)/python -m scaletoolkit run "$$lab" --profile ci --save "$$lab"; \
	done

bench: $(READY)
	$(UV_INSTALL) --quiet -e ".[bench]"
	$(BIN)/python tests/bench

clean:
	rm -rf .venv build dist *.egg-info .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
	find data -mindepth 1 -maxdepth 1 ! -name README.md ! -name fixtures -exec rm -rf {} +

# One stamp for the whole installation: quick when nothing changed, renewed when a version did.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "scaletoolkit needs Python 3.11 or newer, and $(PYTHON) is not that."; \
		echo "Name another one, for example: make start PYTHON=python3.12"; exit 1; }
	@echo "Setting up .venv: the first time takes minutes and up to 6 GB of disk, most of it PyTorch."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(if $(TORCH),$(UV_INSTALL) --torch-backend cpu \
		--reinstall-package torch --reinstall-package torchvision torch torchvision)
	$(UV_INSTALL) -e ".[test]"
	$(if $(TORCH),$(BIN)/python -m scaletoolkit doctor --cpu-only)
	@touch $@
