"""A lab as a learner gets it: everything but what was executed and what is to be guessed."""

import importlib
import inspect
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tools import notebooks

from scaletoolkit import lab
from scaletoolkit.commands.run import LabFailed, run
from scaletoolkit.copies import edition, folder, labs

LABS = labs.labs()
each_lab = pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)


@each_lab
def test_a_copy_holds_no_output_no_count_and_no_guess(path):
    cells = edition.newest(path).notebook["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert {(cell["execution_count"], *cell["outputs"]) for cell in code} == {(None,)}
    guesses = [value for cell in code for value in edition.guesses(cell["source"])]
    assert {*guesses} == {"..."}
    assert len(guesses) == sum(cell["source"].count("lab.predict(") for cell in code) >= 2


@each_lab
def test_everything_else_is_byte_for_byte_as_in_the_lab(path):
    before = labs.read(path)["cells"]
    after = edition.newest(path).notebook["cells"]
    for cell, copy in zip(before, after, strict=True):
        given = edition.guesses(cell["source"]) if cell["cell_type"] == "code" else []
        source = edition.with_guesses(copy["source"], given) if given else copy["source"]
        assert source == cell["source"]
        assert (copy["id"], copy["metadata"]) == (cell["id"], cell["metadata"])


# What 8.2 and 5.1 give with their starters, and repeat in their solutions.
FRAME = {"async def share(flights, key, work):", "return caching.play(share, callers)"}
FRAME |= {"def state_of(job):", "def restore(job, state):", "job = small_job.Job(seed)"}
FRAME |= {"job.train(steps)", "state = state_of(job)", "job.train(3)"}
FRAME |= {"new = small_job.Job(seed)", "restore(new, state)", "return new.train(3)"}


@each_lab
def test_no_answer_stands_in_a_copy(path):
    sources = [cell["source"] for cell in edition.newest(path).notebook["cells"]]
    book = importlib.import_module(f"scaletoolkit.exercises.{path.stem[3:]}").BOOK
    for name, exercise in book.exercises.items():
        place = next(i for i, text in enumerate(sources) if f'exercise.check("{name}"' in text)
        lines = [line.strip() for line in inspect.getsource(exercise.solution).splitlines()[1:]]
        given = {line for line in lines if len(line) > 8 and line in sources[place]}
        assert given <= FRAME


def stopped(path, place):
    """What a fresh copy says that is run in a folder, and the cells that it leaves."""
    given = edition.newest(path)
    folder.save(place / path.name, given.notebook)
    for name, content in given.beside.items():
        folder.save(place / name, content)
    with pytest.raises(LabFailed) as caught:
        run(place / path.name, save=place / "run.ipynb", say=lambda _: None)
    return str(caught.value), labs.read(place / "run.ipynb")["cells"]


def test_run_all_in_a_fresh_copy_stops_at_the_first_guess_with_one_sentence(tmp_path):
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda path: stopped(path, tmp_path / path.stem), LABS))
    for path, (sentence, cells) in zip(LABS, told, strict=True):
        assert "LabError: Your turn: put a number where the three dots" in sentence, path.stem
        (error,) = [o for cell in cells for o in cell.get("outputs", []) if "ename" in o]
        assert error["traceback"] == [error["evalue"]], path.stem


def test_files_beside_a_lab_come_with_it():
    beside = {path.stem[:2]: {*edition.newest(path).beside} for path in LABS}
    assert beside["03"] == {"train_digits.py"}
    assert beside["09"] == {"model-server-hpa.yaml"}
    assert beside["00"] == set()


@pytest.mark.parametrize(
    ("source", "blank"),
    [
        ('g = lab.predict("Wie groß × π?", 8, "×")', 'g = lab.predict("Wie groß × π?", ..., "×")'),
        ("π = lab.predict(question,   1_000,)", "π = lab.predict(question,   ...,)"),
        ("lab.predict(q, value=-2.5e3)", "lab.predict(q, value=...)"),
        ("lab.predict(\n    q,\n    2 * 3,  # six\n)", "lab.predict(\n    q,\n    ...,  # six\n)"),
        ("%time x = 1\nlab.predict(q, 4)", "%time x = 1\nlab.predict(q, ...)"),
        ('lab.predict(q, (8), "×")', 'lab.predict(q, ..., "×")'),
        ("lab.predict(q, value=( (2) * 3 ))", "lab.predict(q, value=...)"),
        ("lab.predict(q, 4)  # \ud83d", "lab.predict(q, ...)  # \ud83d"),
        ('s = """lab.predict(q, 4)"""', 's = """lab.predict(q, 4)"""'),
        ("server.predict(q, 4)  # not lab.predict(q, 4)",) * 2,
        ("lab.predict(q, 4", "lab.predict(q, 4"),
        ("[lab.predict(a, 1), lab.predict(b, 22)]", "[lab.predict(a, ...), lab.predict(b, ...)]"),
    ],
)
def test_only_the_value_of_a_prediction_is_taken_out(source, blank):
    assert edition.without_guesses(source) == blank
    assert edition.with_guesses(blank, edition.guesses(source)) == source


def test_an_edition_has_another_name_when_anything_in_it_changes(tmp_path):
    cells = [notebooks.code("read", "open('data.csv')"), notebooks.code("ask", "lab.predict(q, 1)")]
    path = notebooks.write(notebooks.notebook(*cells), tmp_path / "07_small.ipynb")
    (tmp_path / "data.csv").write_text("1")
    names = [edition.edition_of(edition.newest(path).notebook)]
    (tmp_path / "data.csv").write_text("2")
    names.append(edition.edition_of(edition.newest(path).notebook))
    path.write_text(path.read_text().replace("data.csv", "data.txt"))
    names.append(edition.edition_of(edition.newest(path).notebook))
    path.write_text(path.read_text().replace("(q, 1)", "(q, 2)"))  # the course's own guess
    names.append(edition.edition_of(edition.newest(path).notebook))
    assert names[2] == names[3]
    assert len({*names}) == 3


@pytest.mark.parametrize("mark", [None, "x", {}, {"edition": "../../etc"}, {"edition": 5}])
def test_a_copy_that_names_no_edition(mark):
    assert edition.edition_of({"metadata": {"scaletoolkit": mark}}) == ""


def test_a_copy_is_written_as_jupyterlab_writes_it(tmp_path):
    import nbformat

    folder.save(tmp_path / "copy.ipynb", edition.newest(LABS[0]).notebook)
    text = (tmp_path / "copy.ipynb").read_text()
    assert nbformat.writes(nbformat.reads(text, as_version=4)) + "\n" == text
    assert json.loads(text)["cells"][0]["source"][0].endswith("\n")


def test_what_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "my").write_text("a file")
    with pytest.raises(lab.LabError, match="cannot be written: "):
        folder.save(tmp_path / "my" / "copy.ipynb", b"")
