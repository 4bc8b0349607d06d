"""A learner's story in a real JupyterLab: start, guess, answer, save, update, go on."""

import pytest
from tools import driver, notebooks
from tools.course import checkout, git, in_clone

NAME = "00_start_here.ipynb"
COPY = f"my/{NAME}"
GUESS = """guess = lab.predict("Speed-up of the report with 8 workers?", 3.25, "×")
tomas_guess = lab.predict("Eight times the cores: how many times sooner?", 3, "×")"""
DECISION = "*Your decision:* two workers, since there are two cores."
ANSWER = """def efficiency(seconds_of_one, seconds_of_n, n):
    ideal = seconds_of_one / n
    return ideal / seconds_of_n


exercise.check("0.1", efficiency)"""
ACTIVATE = """name => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const names = notebook.widgets.map(cell => cell.model.id);
  notebook.activeCellIndex = names.indexOf(name);
  notebook.mode = 'command';
  notebook.activate();
  return names.indexOf(name);
}"""
EXECUTE = "command => window.jupyterapp.commands.execute(command).then(() => true)"
CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell =>
  [cell.model.id, cell.model.sharedModel.getSource()])"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        driver.CHROMIUM is None, reason="no chromium or Chrome is installed here: .ci/run does it"
    ),
]


def choose(page, name):
    """Make a cell the active one."""
    assert page.evaluate(ACTIVATE, name) >= 0


def write(page, text):
    """Type into the active cell, in place of what stands there."""
    page.keyboard.press("Enter")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)
    page.keyboard.press("Escape")


def run(page, *names):
    """Run cells, one after the other, and save."""
    for name in names:
        choose(page, name)
        page.evaluate(EXECUTE, "notebook:run-cell")
    page.evaluate(EXECUTE, "docmanager:save")


def learn(page):
    """What a learner does in the first minutes, from Run All to the first answer."""
    driver.start_all(page)
    page.wait_for_function(f"() => ({driver.ERRORS})().length > 0", timeout=120_000)
    (error,) = driver.errors(page)
    assert error.startswith("LabError: Your turn: put a number where the three dots are")
    for name, text in [("predict-speedup", GUESS), ("exercise-1", ANSWER)]:
        choose(page, name)
        write(page, text)
    choose(page, "decide-answer")
    write(page, DECISION)
    choose(page, "measure-text")
    page.evaluate(EXECUTE, "notebook:insert-cell-below")
    write(page, "note = 'my own note'\nprint(note)")
    page.evaluate(EXECUTE, "notebook:run-cell")
    choose(page, "queue-text")
    page.evaluate(EXECUTE, "notebook:delete-cell")
    run(page, "setup", "predict-speedup", "exercise-1")


def teach(upstream):
    """The next edition: a text, a starter and a program changed, a cell new, one removed."""
    notebook = notebooks.read(upstream / "labs" / NAME)
    cells = {cell.id: cell for cell in notebook.cells}
    cells["measure-text"].source += "\n\nThe course says more here."
    cells["inline-job"].source += "\n# and here"
    cells["exercise-1"].source = cells["exercise-1"].source.replace("seconds_of_n", "seconds")
    notebook.cells.remove(cells["explain-speedup"])
    place = notebook.cells.index(cells["measure-speedup"])
    notebook.cells.insert(place, notebooks.markdown("new-text", "Look at the clock first."))
    notebooks.write(notebook, upstream / "labs" / NAME)
    git(upstream, "commit", "--quiet", "--all", "--message", "A better lab 00")


def check_all_is_there(cells):
    """What is the learner's is as it was, what is the course's is new."""
    texts = dict(cells)
    names = [name for name, _ in cells]
    assert texts["predict-speedup"] == GUESS
    assert texts["exercise-1"] == ANSWER
    assert texts["decide-answer"] == DECISION
    assert texts["measure-text"].endswith("The course says more here.")
    assert texts["inline-job"].endswith("# and here")
    assert "seconds_of_one, seconds, n" in texts["exercise-1-new"]
    assert "explain-speedup" not in names
    assert "queue-text" in names
    own = next(name for name, text in cells if text.startswith("note = 'my own note'"))
    place = names.index("measure-text")
    assert names[place : place + 4] == ["measure-text", own, "new-text", "measure-speedup"]


def test_a_course_that_changes_under_a_learner_takes_nothing_away(tmp_path, monkeypatch):
    upstream, clone = checkout(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(clone))
    assert "is your copy of lab 00" in in_clone(clone, "start", "00")
    assert git(clone, "status", "--porcelain") == ""
    with driver.serving(clone) as address, driver.browser() as page:
        driver.open_notebook(page, address(COPY))
        learn(page)
        assert git(clone, "status", "--porcelain") == ""
        teach(upstream)
        git(clone, "pull", "--quiet")
        said = in_clone(clone, "update")
        assert f"{COPY} has all that the course has" in said
        assert "queue-text: you had deleted it; it is back" in said
        assert len(said.splitlines()) == 2 + 6  # measure-text, inline-job, exercise-1, and three
        check_all_is_there([(cell.id, cell.source) for cell in notebooks.read(clone / COPY).cells])
        page.evaluate(EXECUTE, "docmanager:reload")
        check_all_is_there(page.evaluate(CELLS))
        run(page, "new-text", "predict-speedup")
        assert driver.errors(page) == []
        assert page.outside == []
    printed = (clone / COPY).read_text()
    assert "● 0.1 passed" in printed
    assert "Your prediction: 3.25 ×" in printed
    assert "my own note\\n" in printed
    assert "begun · predictions 2 of 4 · exercises 1 of 4" in in_clone(clone, "list")
    assert git(clone, "status", "--porcelain") == ""
