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


def test_importing_ground_does_not_import_torch():
    lab = "from scaletoolkit import lab, laws; from scaletoolkit.lab import plots"
    machine = "from scaletoolkit.machine import measure, ranks"
    loaded = modules_after(f"{lab}; {machine}; from scaletoolkit.data import events")
    assert not loaded & {"torch", "matplotlib", "ray"}
