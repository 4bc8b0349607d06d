"""Exercises of lab 05: a place in the data, a file to trust, what to delete, what failures cost."""

from scaletoolkit.lab.exercises import Book, Case, Exercise


def place_in_data(steps, world_size, batch_size, examples):
    steps_in_epoch = examples // (world_size * batch_size)
    epoch = steps // steps_in_epoch
    return epoch, steps % steps_in_epoch * world_size * batch_size


def _draw_place(dice):
    world_size = dice.choice([1, 2, 3, 4, 6, 8])
    batch_size = dice.choice([5, 8, 10, 12])
    examples = world_size * batch_size * dice.randint(2, 9) + dice.randint(1, world_size)
    return dice.randint(3, 60), world_size, batch_size, examples


PLACE_IN_DATA = Exercise(
    name="5.1",
    story="A job was killed. At which example does the next one go on?",
    hints=(
        "One step takes world_size × batch_size examples.",
        "An epoch has only full batches: examples // (world_size × batch_size) steps.",
        "epoch = steps // steps_in_epoch; the rest of the steps, times examples a step.",
    ),
    solution=place_in_data,
    why="Examples that do not fill a batch are left out in every epoch, so epochs are counted in "
    "steps. Inside the epoch what counts is examples: the next job may take another number a step.",
    wrong={
        "one rank's examples are counted, not those of all": (
            lambda steps, world_size, batch_size, examples: (
                place_in_data(steps, world_size, batch_size, examples)[0],
                place_in_data(steps, world_size, batch_size, examples)[1] // world_size,
            )
        ),
        "the examples that fill no batch are counted as used": (
            lambda steps, world_size, batch_size, examples: divmod(
                steps * world_size * batch_size, examples
            )
        ),
        "the place is given in steps": lambda steps, world_size, batch_size, examples: divmod(
            steps, examples // (world_size * batch_size)
        ),
        "an epoch that has just ended is taken to go on": (
            lambda steps, world_size, batch_size, examples: (
                (steps - 1) // (examples // (world_size * batch_size)),
                ((steps - 1) % (examples // (world_size * batch_size)) + 1)
                * world_size
                * batch_size,
            )
        ),
    },
    cases=(
        Case("nothing done yet", (0, 2, 10, 100), (0, 0)),
        Case("3 steps of 2 ranks with 10 each, of 100 examples", (3, 2, 10, 100), (0, 60)),
        Case("7 such steps: 5 are an epoch", (7, 2, 10, 100), (1, 40)),
        Case("5 steps where 109 examples make 5 full batches", (5, 2, 10, 109), (1, 0)),
    ),
    draw=_draw_place,
)


def step_to_trust(checkpoints):
    good = [step for step, (written, there) in checkpoints.items() if written and written == there]
    return max(good, default=None)


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
CUT_OFF: tuple[dict[str, str], dict[str, str]] = ({}, {"rank0": "aaaa"})

STEP_TO_TRUST = Exercise(
    name="5.2",
    story="From which of these checkpoints may a job go on?",
    hints=(
        "A checkpoint is good when each file that was written is there, with the same digest.",
        "One without a manifest was never finished: written is empty.",
        "max(the steps whose written is not empty and equals there, default=None)",
    ),
    solution=step_to_trust,
    why="The newest one whose manifest exists and agrees with every file. Names and dates prove "
    "nothing: a job that was killed leaves a folder, and a disk that errs leaves a file.",
    wrong={
        "the newest one is taken as it is": lambda checkpoints: max(checkpoints, default=None),
        "only the names of the files are compared": lambda checkpoints: max(
            (
                s
                for s, (written, there) in checkpoints.items()
                if written and set(written) == set(there)
            ),
            default=None,
        ),
        "a save that never ended counts as good": lambda checkpoints: max(
            (
                step
                for step, (written, there) in checkpoints.items()
                if all(there.get(name) == digest for name, digest in written.items())
            ),
            default=None,
        ),
        "the files are compared as a bag of digests, whoever they belong to": (
            lambda checkpoints: max(
                (
                    step
                    for step, (written, there) in checkpoints.items()
                    if written and sorted(written.values()) == sorted(there.values())
                ),
                default=None,
            )
        ),
        "0 stands for no checkpoint at all": lambda checkpoints: step_to_trust(checkpoints) or 0,
    },
    cases=(
        Case("two whole ones", ({10: WHOLE, 20: WHOLE},), 20),
        Case("one byte changed in the newer", ({10: WHOLE, 20: CHANGED},), 10),
        Case("the newer has no manifest", ({10: WHOLE, 20: CUT_OFF},), 10),
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
        "sorted good steps [-keep:] ; delete every step below the first of these.",
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
        Case("an old bad one", ({10: False, 20: True, 30: True}, 2), [10]),
    ),
    draw=_draw_good,
)


def lost(interval_s, save_s, restart_s, mtbf_s):
    return save_s / interval_s + (interval_s / 2 + restart_s) / mtbf_s


def _draw_lost(dice):
    return (
        dice.choice([300, 900, 1800, 3600]),
        dice.randint(2, 120),
        dice.randint(60, 900),
        dice.randint(10_000, 400_000),
    )


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

BOOK = Book(PLACE_IN_DATA, STEP_TO_TRUST, TO_DELETE, LOST)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
