"""Exercises of lab 05: a state that survives, a file to trust, what to delete, what is lost."""

from scaletoolkit.exercises._survive import SURVIVE
from scaletoolkit.lab.exercises import Book, Case, Exercise


def step_to_trust(checkpoints):
    good = [step for step, (written, there) in checkpoints.items() if written and written == there]
    return max(good, default=None)


def _trusting(good):
    """The newest step for which good(written, there)."""
    return lambda checkpoints: max((s for s, of in checkpoints.items() if good(*of)), default=None)


def _draw_checkpoints(dice):
    checkpoints = {}
    for step in dice.sample(range(10, 200, 10), dice.randint(2, 5)):
        written = {f"rank{rank}": dice.choice("abcdef") * 4 for rank in range(dice.randint(1, 3))}
        there = dict(written)
        damage = dice.choice(["none", "none", "changed", "missing", "no manifest", "swapped"])
        if damage == "changed":
            there[dice.choice(list(there))] = "zzzz"
        elif damage == "missing":
            del there[dice.choice(list(there))]
        elif damage == "no manifest":
            written = {}
        elif damage == "swapped":
            written = {"rank0": "aaaa", "rank1": "bbbb"}
            there = {"rank0": "bbbb", "rank1": "aaaa"}
        checkpoints[step] = (written, there)
    return (checkpoints,)


WHOLE = ({"rank0": "aaaa", "rank1": "bbbb"}, {"rank0": "aaaa", "rank1": "bbbb"})
CHANGED = ({"rank0": "aaaa", "rank1": "bbbb"}, {"rank0": "aaaa", "rank1": "bbzb"})
MORE = (WHOLE[0], {**WHOLE[1], "rank2": "cccc"})
CUT_OFF: tuple[dict[str, str], dict[str, str]] = ({}, {"rank0": "aaaa"})

STEP_TO_TRUST = Exercise(
    name="5.2",
    story="From which of these checkpoints may a job go on?",
    hints=(
        "A checkpoint is good when what is there is what was written: the same files, each with "
        "the same digest.",
        "One without a manifest cannot be checked: written is empty.",
        "max(the steps whose written is not empty and equals there, default=None)",
    ),
    solution=step_to_trust,
    why="The newest one whose manifest exists and agrees with every file. A name and a date say "
    "nothing of what happened to the files since; where a save does not end with a rename, they "
    "do not even say that it ended.",
    wrong={
        "the newest one is taken as it is": lambda checkpoints: max(checkpoints, default=None),
        "only the names of the files are compared": _trusting(
            lambda written, there: written and set(written) == set(there)
        ),
        "a save that never ended counts as good": _trusting(
            lambda written, there: all(there.get(name) == of for name, of in written.items())
        ),
        "a file that nobody wrote is overlooked": _trusting(
            lambda written, there: written and written.items() <= there.items()
        ),
        "a folder with no manifest and no file counts as good": _trusting(
            lambda written, there: written == there
        ),
        "the files are compared as a bag of digests, whoever they belong to": _trusting(
            lambda written, there: written and sorted(written.values()) == sorted(there.values())
        ),
        "0 stands for no checkpoint at all": lambda checkpoints: step_to_trust(checkpoints) or 0,
    },
    cases=(
        Case("two whole ones", ({10: WHOLE, 20: WHOLE},), 20),
        Case("one byte changed in the newer", ({10: WHOLE, 20: CHANGED},), 10),
        Case("the newer has a file that nobody wrote", ({10: WHOLE, 20: MORE},), 10),
        Case("the newer has no manifest", ({10: WHOLE, 20: CUT_OFF},), 10),
        Case("the newer was killed before its first file", ({10: WHOLE, 20: ({}, {})},), 10),
        Case("none is good", ({20: CHANGED},), None),
    ),
    draw=_draw_checkpoints,
)


def to_delete(good, keep):
    newest_good = sorted(step for step, is_good in good.items() if is_good)[-keep:]
    if not newest_good:
        return []
    return (
        sorted(step for step in good if step < newest_good[0]) if len(newest_good) == keep else []
    )


def _draw_good(dice):
    steps = dice.sample(range(10, 200, 10), dice.randint(3, 8))
    return {step: dice.random() < 0.6 for step in steps}, dice.randint(1, 3)


TO_DELETE = Exercise(
    name="5.3",
    story="Which checkpoints may go, so that the newest good ones stay?",
    hints=(
        "Count good ones from the newest back; the bad ones do not count.",
        "What is older than the last one counted may go, good or bad.",
        "With fewer than keep good ones: none. Else every step below sorted(the good steps)[-keep]",
    ),
    solution=to_delete,
    why="The last good ones are what a restart needs. Where the newest files are bad, 'the last "
    "three' may be three bad ones, and the only good one would be gone.",
    wrong={
        "bad ones are counted among those to keep": lambda good, keep: sorted(good)[:-keep],
        "all bad ones go, also the newest, which someone may want to look at": (
            lambda good, keep: sorted(
                step
                for step in good
                if not good[step] or step in sorted(s for s in good if good[s])[:-keep]
            )
        ),
        "old bad ones stay for ever": lambda good, keep: sorted(s for s in good if good[s])[:-keep],
        "some go although there are fewer good ones than are to stay": (
            lambda good, keep: to_delete(good, min(keep, sum(good.values())))
        ),
        "one too few is kept": lambda good, keep: (
            to_delete(good, keep - 1) if keep > 1 else sorted(good)
        ),
    },
    cases=(
        Case("three good ones, keep two", ({10: True, 20: True, 30: True}, 2), [10]),
        Case("the two newest are bad, keep one", ({10: True, 20: False, 30: False}, 1), []),
        Case(
            "a bad one in between, keep two", ({10: True, 20: True, 30: False, 40: True}, 2), [10]
        ),
        Case("fewer good ones than are to stay", ({10: False, 20: True}, 2), []),
        Case("an old bad one", ({10: False, 20: True, 30: True}, 2), [10]),
        Case(
            "five good ones", ({50: True, 40: True, 30: True, 20: True, 10: True}, 2), [10, 20, 30]
        ),
    ),
    draw=_draw_good,
)


def lost(interval_s, save_s, restart_s, mtbf_s):
    return save_s / interval_s + (interval_s / 2 + restart_s) / mtbf_s


def _draw_lost(dice):
    interval_s = dice.choice([300, 900, 1800, 3600])
    return interval_s, dice.randint(2, 120), dice.randint(60, 900), dice.randint(10_000, 400_000)


LOST = Exercise(
    name="5.4",
    story="How many seconds are lost for each second of computing?",
    hints=(
        "Every interval_s of computing one save is paid: save_s ÷ interval_s.",
        "A failure comes every mtbf_s; it takes half an interval, and the restart.",
        "save_s / interval_s + (interval_s / 2 + restart_s) / mtbf_s",
    ),
    solution=lost,
    why="Saves cost save_s ÷ interval_s. Failures strike anywhere in an interval, so on average "
    "half of it is computed again, and each one costs a restart; they come mtbf_s apart.",
    wrong={
        "a failure is taken to cost a whole interval": (
            lambda interval_s, save_s, restart_s, mtbf_s: (
                save_s / interval_s + (interval_s + restart_s) / mtbf_s
            )
        ),
        "the restarts are left out": lambda interval_s, save_s, restart_s, mtbf_s: lost(
            interval_s, save_s, 0, mtbf_s
        ),
        "the saves are left out": lambda interval_s, save_s, restart_s, mtbf_s: lost(
            interval_s, 0, restart_s, mtbf_s
        ),
        "the share of a save in interval and save together is taken": (
            lambda interval_s, save_s, restart_s, mtbf_s: (
                save_s / (interval_s + save_s) + (interval_s / 2 + restart_s) / mtbf_s
            )
        ),
    },
    cases=(
        Case("a save of 36 s every hour, no failure to speak of", (3600, 36, 0, 1e12), 0.01),
        Case("the same, and a failure every 100 hours", (3600, 36, 0, 360_000), 0.015),
        Case("the same, with 30 minutes for a restart", (3600, 36, 1800, 360_000), 0.02),
    ),
    draw=_draw_lost,
)


def goodput(gpus, save_s, restart_s, gpu_mtbf_s):
    mtbf_s = gpu_mtbf_s / gpus
    interval_s = (2 * save_s * mtbf_s) ** 0.5
    lost_share = save_s / interval_s + (interval_s / 2 + restart_s) / mtbf_s
    return 1 / (1 + lost_share)


def _lost_share(*arguments):
    return 1 / goodput(*arguments) - 1


def _draw_goodput(dice):
    gpus = dice.choice([64, 256, 1024, 4096, 16_384])
    return gpus, dice.randint(5, 120), dice.randint(60, 900), dice.randint(100, 300) * 1_000_000


GOODPUT = Exercise(
    name="5.5",
    story="Of all the hours that so many GPUs are paid for, which share computes what is kept?",
    hints=(
        "Any of the GPUs stops the job: a failure comes every gpu_mtbf_s / gpus.",
        "interval_s is the root of 2 × save_s × mtbf_s; what is lost is the law of 5.4.",
        "One second of computing takes 1 + lost seconds: 1 / (1 + lost)",
    ),
    solution=goodput,
    why="With n times as many GPUs, failures come n times as often. So the best interval shrinks "
    "with the root of their number, and what is lost for each second of computing grows at least "
    "with that root.",
    wrong={
        "the job is taken to fail as seldom as one GPU": (
            lambda gpus, save_s, restart_s, gpu_mtbf_s: goodput(1, save_s, restart_s, gpu_mtbf_s)
        ),
        "what is lost for a second of computing is subtracted from 1": (
            lambda *arguments: 1 - _lost_share(*arguments)
        ),
        "what is lost is returned, and not what is left": _lost_share,
        "the restarts are left out": lambda gpus, save_s, _, gpu_mtbf_s: goodput(
            gpus, save_s, 0, gpu_mtbf_s
        ),
        "a failure is taken to cost a whole interval": (
            lambda gpus, save_s, restart_s, gpu_mtbf_s: goodput(
                gpus, save_s, restart_s + (save_s * gpu_mtbf_s / gpus / 2) ** 0.5, gpu_mtbf_s
            )
        ),
    },
    cases=(
        Case("one GPU, restarts that take no time", (1, 50, 0, 1e6), 1 / 1.01),
        Case("100 of GPUs that fail a hundredth as often", (100, 50, 0, 1e8), 1 / 1.01),
        Case("400 of them", (400, 50, 0, 1e8), 1 / 1.02),
        Case("100, and restarts of 10,000 s", (100, 50, 10_000, 1e8), 1 / 1.02),
    ),
    draw=_draw_goodput,
)

BOOK = Book(SURVIVE, STEP_TO_TRUST, TO_DELETE, LOST, GOODPUT)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
