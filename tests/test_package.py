"""What importing the package costs."""

import subprocess
import sys

HEAVY = {"torch", "pyarrow", "matplotlib", "numpy", "scipy", "ray", "sklearn", "IPython"}


def modules_after(statement):
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_the_package_imports_nothing_else():
    assert not modules_after("import scaletoolkit") & HEAVY


def test_the_command_line_starts_without_heavy_packages():
    assert not modules_after("import scaletoolkit.__main__") & HEAVY


def test_importing_measure_and_ranks_does_not_import_torch():
    statement = "from scaletoolkit import lab, laws; from scaletoolkit.data import events; from scaletoolkit.lab import plots; from scaletoolkit.machine import measure, ranks"
    assert not modules_after(statement) & {"torch", "matplotlib", "ray"}
