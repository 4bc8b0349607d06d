"""Forty submissions of lab 00, of all kinds, and for each the exercises that it has right."""

import copy
import json

from tools import exercises, notebooks

from scaletoolkit.copies import edition, labs

NUMBER = "00"
ALL = ("0.1", "0.2", "0.3", "0.4")
CELLS = {
    "0.1": "exercise-1",
    "0.2": "exercise-2",
    "0.3": "exercise-split",
    "0.4": "exercise-average",
}
NAMES = {"0.1": "efficiency", "0.2": "serial_fraction", "0.3": "split", "0.4": "average_in_system"}
RIGHT = {
    "0.1": """def efficiency(seconds_of_one, seconds_of_n, n):
    return seconds_of_one / (n * seconds_of_n)""",
    "0.2": "def serial_fraction(speedup, n):\n    return (n / speedup - 1) / (n - 1)",
    "0.3": """def split(totals, buckets):
    parts = [{} for _ in range(buckets)]
    for customer in totals:
        parts[customer % buckets][customer] = totals[customer]
    return parts""",
    "0.4": """def average_in_system(stays, start, end):
    inside = (min(left, end) - max(came, start) for came, left in stays)
    return sum(s for s in inside if s > 0) / (end - start)""",
}
SECRET = "TOP-SECRET-42"


class Copy:
    """A learner's copy of lab 00, to be changed."""

    def __init__(self):
        given = edition.newest(labs.find_lab(NUMBER)).notebook
        self.notebook = copy.deepcopy(given)

    def cell(self, name):
        """The cell with that id."""
        return next(cell for cell in self.notebook["cells"] if cell["id"] == name)

    def answer(self, name, source, check=True):
        """Put an answer into the cell of an exercise, with the line that checks it or without."""
        line = f'\n\n\nexercise.check("{name}", {NAMES[name]})' if check else ""
        self.cell(CELLS[name])["source"] = source + line
        return self

    def right(self, *names):
        """Answer these exercises rightly."""
        for name in names or ALL:
            self.answer(name, RIGHT[name])
        return self

    def add(self, source, name="own", before=None):
        """A cell of code of the learner's own, at the end or before another."""
        cells = self.notebook["cells"]
        place = cells.index(self.cell(before)) if before else len(cells)
        cells.insert(place, dict(notebooks.code(name, source)))
        return self

    def delete(self, *names):
        """Delete cells."""
        self.notebook["cells"] = [c for c in self.notebook["cells"] if c["id"] not in names]
        return self

    def write(self, name, source):
        """Write into any cell."""
        self.cell(name)["source"] = source
        return self

    def text(self):
        """The file."""
        return json.dumps(self.notebook, ensure_ascii=False)


def attack(line, right="seconds_of_one / seconds_of_n / n"):
    """An answer to 0.1 that tries something first, in the file's own words, and then is right."""
    return f"def efficiency(seconds_of_one, seconds_of_n, n):\n    {line}\n    return {right}"


def wrong(name, number):
    """A listed wrong answer, as code that needs nothing else."""
    return {
        ("0.1", 0): "def efficiency(a, b, n):\n    return a / b",
        ("0.2", 0): "def serial_fraction(speedup, n):\n    return 1 / speedup",
        ("0.4", 0): "def average_in_system(stays, start, end):\n"
        "    return sum(min(l, end) - max(c, start) for c, l in stays) / (end - start)",
    }[name, number]


def honest():
    """{name: (file's text, what is right)}: what learners do without wishing harm."""
    deleted = Copy().right().delete("setup", "explain-speedup")
    deleted.add(RIGHT["0.1"].replace("n * s", "n * float(1) * s"), "mine")
    yield "complete", Copy().right(), ALL
    for number in (0, 1):
        others = Copy()
        for name, functions in exercises.others(labs.find_lab(NUMBER)).items():
            source = exercises.inspect.getsource(functions[number])
            others.answer(name, f"{source}\n\n{NAMES[name]} = {functions[number].__name__}")
        yield f"other style {number}", others, ALL
    yield "half", Copy().right("0.1", "0.3"), ("0.1", "0.3")
    yield "half with wrong ones", Copy().right("0.3").answer("0.2", wrong("0.2", 0)), ("0.3",)
    yield "empty", Copy(), ()
    yield "misconceptions", Copy().answer("0.1", wrong("0.1", 0)).answer("0.4", wrong("0.4", 0)), ()
    broken = (
        Copy().right("0.2", "0.3", "0.4").answer("0.1", "def efficiency(a, b, n)\n    return a")
    )
    yield "broken syntax", broken, ALL[1:]
    yield "exercise cell deleted", Copy().right().delete("exercise-2"), ("0.1", "0.3", "0.4")
    yield "set-up deleted", deleted, ALL
    twice = Copy().right()
    twice.notebook["cells"] += copy.deepcopy(twice.notebook["cells"])
    yield "every cell twice, ids too", twice, ALL
    pasted = (
        Copy().right().add("def split(totals, buckets):\n    raise NotImplementedError", "again")
    )
    yield "starter pasted after the answer", pasted, ALL
    later = Copy().right("0.2").answer("0.1", wrong("0.1", 0))
    later.add(RIGHT["0.1"] + '\nexercise.check("0.1", efficiency)', "later")
    yield "answered again at the end", later, ("0.1", "0.2")
    yield "check line lost", Copy().answer("0.4", RIGHT["0.4"], check=False), ("0.4",)
    named = Copy().add(RIGHT["0.1"].replace("efficiency", "eff") + '\nexercise.check("0.1", eff)')
    yield "another name for the function", named, ("0.1",)
    helper = Copy().answer("0.1", "def efficiency(a, b, n):\n    return times(a, b) / n")
    helper.add(
        "import operator\nSPEEDUP = operator.truediv\n\ndef times(a, b):\n    return SPEEDUP(a, b)",
        before="exercise-1",
    )
    yield "helper in another cell", helper, ("0.1",)
    table = Copy().answer("0.1", "def efficiency(a, b, n):\n    return share[n] * a / b")
    table.add("share = {}\nfor n in range(1, 65):\n    share[n] = 1 / n", before="exercise-1")
    yield "a table made before", table, ("0.1",)
    lambdas = Copy().write("exercise-1", 'exercise.check("0.1", lambda a, b, n: a / b / n)')
    yield "lambda in the check line", lambdas, ("0.1",)
    magic = Copy().answer("0.1", f"%time x = 1\n!ls\n{RIGHT['0.1']}")
    yield "magic lines", magic, ("0.1",)
    printed = Copy().answer("0.1", attack("print('x' * 5_000_000)"))
    yield "prints 100 MB", printed, ("0.1",)
    loud = Copy().right()
    lines = [notebooks.stream("all work and no play makes a dull cell \n" * 2_500_000)]
    loud.cell("close")["outputs"] = lines
    yield "100 MB of stored output", loud, ALL
    edited = Copy()
    edited.cell("exercise-1")["outputs"] = [notebooks.stream("● 0.1 passed: 4 cases.\n")]
    edited.cell("close")["outputs"] = [
        {
            "output_type": "display_data",
            "data": {},
            "metadata": {"scaletoolkit": {"checks": {"0.1": {"passed": True, "tries": 1}}}},
        }
    ]
    yield "outputs edited by hand", edited, ()
    bold = (
        Copy()
        .right("0.1")
        .write("decide-answer", "*Your decision:* <script>alert(1)</script> =1+1")
    )
    bold.write(
        "predict-speedup", 'guess = lab.predict("Speed-up of the report with 8 workers?", 3.5, "×")'
    )
    yield "words in guesses and decision", bold, ("0.1",)


def hostile(secret, marker):
    """What learners try who wish to pass without an answer, or worse. Right: what they answer."""
    loop = (
        Copy().right("0.2").answer("0.1", "def efficiency(a, b, n):\n    while True:\n        pass")
    )
    yield "endless loop in an answer", loop, ("0.2",)
    top = Copy().right().add("while True:\n    pass", before="exercise-1")
    yield "endless loop at the top", top, ALL
    prelude = Copy().right("0.2").answer("0.1", "def efficiency(a, b, n):\n    return X")
    prelude.add("X = [1 for _ in iter(int, 1)]", before="exercise-1")
    yield "endless loop in what an answer needs", prelude, ("0.2",)
    yield "os._exit", Copy().right("0.2").answer("0.1", attack("import os; os._exit(0)")), ("0.2",)
    yield (
        "reads a file",
        Copy().answer("0.1", attack(f"raise ValueError(open({secret!r}).read())")),
        (),
    )
    patched = Copy().add(
        "exercise.check = print\nfrom scaletoolkit.lab import exercises as e\n"
        "e.judge = lambda *a, **k: e.Verdict(True, 'ok')",
        before="exercise-1",
    )
    yield "patches exercise and judge", patched, ()
    inside = (
        "import scaletoolkit.lab.exercises.judging as j; j.judge = lambda *a: j.Verdict(True, '')"
    )
    yield "patches the judge inside", Copy().answer("0.1", attack(inside, "0")), ()
    frame = (
        "import sys; f = sys._getframe(1); e = [v.f_locals.get('case') for v in [f, f.f_back] if v]"
    )
    yield "reads its caller's frame", Copy().answer("0.1", attack(frame, "e[0].expected")), ()
    borrowed = Copy().write(
        "exercise-1", 'exercise.check("0.1", exercise.BOOK.exercises["0.1"].solution)'
    )
    yield "hands in the library's solution", borrowed, ()
    imported = "from scaletoolkit.exercises.start_here import efficiency as f"
    yield (
        "imports the solution",
        Copy().answer("0.1", attack(imported, "f(seconds_of_one, seconds_of_n, n)")),
        (),
    )
    equal = "class Any(float):\n        __eq__ = lambda self, other: True\n        __hash__ = None"
    yield "a value that equals all", Copy().answer("0.1", attack(equal, "Any()")), ()
    spawns = f"import subprocess; subprocess.Popen(['touch', {marker!r}])"
    tries = {
        "starts a process": spawns,
        "forks": "import os; [os.fork() for _ in range(50)]",
        "opens a socket": "import socket; socket.create_connection(('127.0.0.1', 9))",
        "writes a file": f"open({marker!r}, 'w').write('x')",
        "kills its judge": "import os; os.kill(os.getppid(), 9)",
        "takes all memory": "x = bytearray(4_000_000_000)",
        "a number beyond all floats": "return 10**400",
        "a number of thousands of digits": f"return 0x{'f' * 4000}",
    }
    for name, line in tries.items():
        yield name, Copy().right("0.2").answer("0.1", attack(line)), ("0.2",)
    for line in (spawns, f"open({marker!r}, 'w').write('x')"):
        yield f"at the top: {line[:12]}", Copy().right().add(line, before="exercise-1"), ALL
    for name, line in {"huge": f"x = 0x{'f' * 4000}", "deep": f"f{'.a' * 900}()"}.items():
        yield f"too {name} to be written out", Copy().right().add(line), ALL


def files(secret, marker):
    """{file's name: (its content, the exercises that are right or None)}: forty and more."""
    found = {}
    for name, one, right in [*honest(), *hostile(secret, marker)]:
        found[f"{name.replace(' ', '_').replace(':', '').replace(chr(39), '')}.ipynb"] = (
            one.text(),
            right,
        )
    found["ada/00 (final) (2).ipynb"] = (Copy().right().text(), ALL)
    found["not a notebook.ipynb"] = ("this is no JSON", None)
    found["cut off.ipynb"] = (Copy().right().text()[:5000], None)
    found["answers.docx"] = ("PK\x03\x04", None)
    found["nothing.ipynb"] = ("", None)
    return found


def write(folder, secret, marker):
    """Write them all; returns {name: the exercises that are right, None where nothing is read}."""
    given = files(secret, marker)
    for name, (content, _) in given.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return {name: right for name, (_, right) in given.items()}
