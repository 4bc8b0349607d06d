"""What lab 00 says about a job whose serial part is known, on one, two, four and sixteen cores.

Its own cells run here on times that follow from the cores, so nothing depends on this machine.
"""

import pytest
from tools import notebooks
from tools.strict import ROOT

import __main__
from scaletoolkit import lab, laws
from scaletoolkit.exercises import start_here as exercise

SERIAL = 0.19
WORKERS = [1, 2, 3, 4, 8]
CELLS = {cell.id: cell.source for cell in notebooks.read(ROOT / "labs/00_start_here.ipynb").cells}


@pytest.fixture
def told(monkeypatch, capsys):
    """A function: what the lab's cells about the serial part know and print, with so many cores."""
    monkeypatch.setitem(__main__.__dict__, "lab_record", None)
    del __main__.lab_record

    def run(cores):
        seconds = {n: SERIAL + (1 - SERIAL) / min(n, cores) for n in WORKERS}
        names = {
            "lab": lab,
            "laws": laws,
            "exercise": exercise,
            "serial_fraction": exercise.BOOK.exercises["0.2"].solution,
            "tomas_guess": lab.predict("How many times sooner?", 8, "×"),
            "amdahl": laws.amdahl,
            "workers": WORKERS,
            "seconds": seconds,
            "speedup": {n: seconds[1] / seconds[n] for n in WORKERS},
            "serial": SERIAL,
            "cores": min(cores, 8),
        }
        for cell in ("known-job", "fit", "tomas"):
            exec(CELLS[cell], names)  # its claims raise where they do not hold
        return names, capsys.readouterr().out

    return run


@pytest.mark.parametrize("cores", [2, 4, 16])
def test_a_fit_that_counts_cores_finds_the_serial_part_on_any_machine(told, cores):
    names, _ = told(cores)
    assert names["by_cores"] == pytest.approx(SERIAL, abs=1e-3)


@pytest.mark.parametrize(("cores", "found"), [(1, 1), (2, 0.486), (4, 0.245), (16, SERIAL)])
def test_a_fit_that_counts_workers_takes_missing_cores_for_a_serial_part(told, cores, found):
    names, _ = told(cores)
    assert names["by_workers"] == pytest.approx(found, abs=1e-3)


@pytest.mark.parametrize(("cores", "sooner"), [(1, 3.43), (2, 2.47), (4, 1.82), (16, 1.44)])
def test_the_answer_to_tomas_counts_the_cores_that_worked(told, cores, sooner):
    _, said = told(cores)
    assert f"You predicted 8 ×; it is ⟨{sooner:.2f} ×⟩ computed." in said


def test_on_two_cores_the_answer_is_what_that_machine_would_do(told):
    names, _ = told(2)
    two, sixteen = (SERIAL + (1 - SERIAL) / cores for cores in (2, 16))
    assert names["sooner"] == pytest.approx(two / sixteen)
