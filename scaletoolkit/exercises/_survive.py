"""Exercise 5.1 of `checkpoint_and_resume`: a state in memory that outlives its job."""

import copy

from scaletoolkit.lab.exercises import Case, Exercise
from scaletoolkit.training import small_job

PARTS = ("model", "optimizer", "schedule", "generator", "place")


def survive(seed, steps):
    from copy import deepcopy

    def state_of(job):
        state = {
            "model": job.model.state_dict(),
            "optimizer": job.optimizer.state_dict(),
            "schedule": job.schedule.state_dict(),
            "generator": job.generator.get_state(),
            "place": job.place,
        }
        return deepcopy(state)

    def restore(job, state):
        for name in ("model", "optimizer", "schedule"):
            getattr(job, name).load_state_dict(state[name])
        job.generator.set_state(state["generator"])
        job.place = state["place"]

    job = small_job.Job(seed)
    job.train(steps)
    state = state_of(job)
    job.train(3)
    new = small_job.Job(seed)
    restore(new, state)
    return new.train(3)


def _survive(seed, steps, forgotten=None, copied=True, late=False):
    """The same with one of the mistakes."""
    job = small_job.Job(seed)
    job.train(steps + 3 * late)
    state = {name: getattr(job, name).state_dict() for name in PARTS[:3]}
    state |= {"generator": job.generator.get_state(), "place": job.place}
    state = copy.deepcopy(state) if copied else state
    job.train(3)
    new = small_job.Job(seed)
    for name in PARTS[:3]:
        if name != forgotten:
            getattr(new, name).load_state_dict(state[name])
    if forgotten != "generator":
        new.generator.set_state(state["generator"])
    if forgotten != "place":
        new.place = state["place"]
    return new.train(3)


def _without(name):
    return lambda seed, steps: _survive(seed, steps, forgotten=name)


SURVIVE = Exercise(
    name="5.1",
    story="A job keeps its state in memory, goes on, and dies. A new one goes on from there.",
    hints=(
        "Five things: model, optimizer, schedule, generator, place. The new job must get each.",
        "What state_dict() hands back is the job's own tensors, and training writes into them.",
        "copy.deepcopy of a dict of three state_dict(), generator.get_state() and place; "
        "then load_state_dict, set_state, and place.",
    ),
    solution=survive,
    why="The five together decide every later step. PyTorch's state_dict() copies no tensor: what "
    "training changes in place changes in the state, too, so a state in memory must be a copy. "
    "A file is one by itself.",
    wrong={
        **{f"the {name} is forgotten": _without(name) for name in PARTS},
        "the state holds references, into which the old job goes on to write": (
            lambda seed, steps: _survive(seed, steps, copied=False)
        ),
        "the state is taken only after the old job has gone on": (
            lambda seed, steps: _survive(seed, steps, late=True)
        ),
    },
    cases=(
        Case("a job after one step", (1, 1), _survive(1, 1)),
        Case("the same job after four", (1, 4), _survive(1, 4)),
        Case("another job after nine", (2, 9), _survive(2, 9)),
    ),
    draw=lambda dice: (dice.randint(3, 10_000), dice.randint(1, 3)),
)
