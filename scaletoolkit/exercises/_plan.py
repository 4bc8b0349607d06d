"""Exercise 4.5 of `model_parallel`: what a plan of parallel training keeps, and what it loses."""

from scaletoolkit.lab.exercises import Case, Exercise


def kept_and_lost(plan):
    ranks = plan["ranks"]
    stage = plan["stage"]
    weight = 2 / ranks if stage == 3 else 2
    gradient = 2 / ranks if stage >= 2 else 2
    optimizer = 12 / ranks if stage >= 1 else 12
    kept = plan["weights"] * (weight + gradient + optimizer) + plan["activations"]

    m = plan["microbatches"]
    times = {2: m + 1, 3: 3 * m}.get(stage, 2)
    shard_s = times * 2 * plan["weights"] * (ranks - 1) / ranks / plan["bytes_per_s"]
    step_s = (plan["compute_s"] + plan["cut_s"]) * (m + plan["stages"] - 1) / m + shard_s
    return kept, 1 - plan["compute_s"] / step_s


def _planned(sharded=None, activations=True, times=None, whole=False, step=None):
    """The same with one rule changed.

    sharded: (bytes of a weight that are whole, bytes that are shared) by stage; times: how often
    all weights are sent, by stage and microbatches; whole: a rank sends its own part, too; step:
    seconds of (compute, cut, stretch of the bubble).
    """
    sharded = sharded or (lambda stage: [(16, 0), (4, 12), (2, 14), (0, 16)][stage])
    times = times or (lambda stage, m: [2, 2, m + 1, 3 * m][stage])
    step = step or (lambda compute_s, cut_s, longer: (compute_s + cut_s) * longer)

    def answer(plan):
        ranks = plan["ranks"]
        m = plan["microbatches"]
        alone, shared = sharded(plan["stage"])
        kept = plan["weights"] * (alone + shared / ranks)
        sent = 2 * plan["weights"] * times(plan["stage"], m)
        sent *= 1 if whole else (ranks - 1) / ranks
        longer = (m + plan["stages"] - 1) / m
        step_s = step(plan["compute_s"], plan["cut_s"], longer) + sent / plan["bytes_per_s"]
        return kept + activations * plan["activations"], 1 - plan["compute_s"] / step_s

    return answer


def _of_computing(plan):
    kept, lost = kept_and_lost(plan)
    return kept, lost / (1 - lost)


def _draw_plan(dice):
    plan = _plan(
        dice.randint(1, 9), dice.choice([2, 4, 8, 64]), dice.randint(0, 3), dice.choice([1, 2, 4])
    )
    plan["microbatches"] = dice.choice([2, 4, 8, 16])
    plan["activations"] = dice.randint(1, 30) * 10**9
    plan["cut_s"] = dice.choice([0.0, 0.5, 2.0])
    plan["bytes_per_s"] = dice.choice([50, 200, 400]) * 10**9
    return (plan,)


def _plan(billion, ranks, stage, stages):
    return {
        "weights": billion * 10**9,
        "ranks": ranks,
        "stage": stage,
        "stages": stages,
        "microbatches": 4,
        "activations": 10**9,
        "compute_s": 3.0,
        "cut_s": 0.0,
        "bytes_per_s": 10**9,
    }


KEPT_AND_LOST = Exercise(
    name="4.5",
    story="What does a GPU keep in this plan, and in which share of a step does it send or wait?",
    hints=(
        "Bytes a weight: 2, 2 and 12; stage 1 divides the 12 by `ranks`, stage 2 a 2 as well, "
        "stage 3 all. Then add the activations.",
        "A time to send all weights: 2 bytes × weights × (ranks - 1) ÷ ranks ÷ bytes_per_s. It is "
        "paid 2 times, in stage 2 m + 1 times, in stage 3 3 × m times.",
        "step_s = (compute_s + cut_s) × (m + stages - 1) ÷ m + what sharding sends; lost is "
        "1 - compute_s ÷ step_s.",
    ),
    solution=kept_and_lost,
    why="Sharding trades memory for messages, and from stage 2 on for each microbatch. What cuts a "
    "layer or the stack is paid within each microbatch, so the bubble stretches it too.",
    wrong={
        "stage 1 is taken to shard everything": _planned(
            sharded=lambda stage: (0, 16) if stage else (16, 0)
        ),
        "the optimizer's own weights (4 of the 12) are left out": _planned(
            sharded=lambda stage: [(12, 0), (4, 8), (2, 10), (0, 12)][stage]
        ),
        "activations are left out of the memory": _planned(activations=False),
        "stage 3 is taken to send once a step, not for each microbatch": _planned(
            times=lambda stage, m: [2, 2, m + 1, 3][stage]
        ),
        "stage 2 is taken to send as seldom as stage 1": _planned(
            times=lambda stage, m: [2, 2, 2, 3 * m][stage]
        ),
        "a rank is taken to send its own part as well": _planned(whole=True),
        "the bubble is left out": _planned(step=lambda compute_s, cut_s, _: compute_s + cut_s),
        "the bubble is taken to stretch computing only": _planned(
            step=lambda compute_s, cut_s, longer: compute_s * longer + cut_s
        ),
        "what is lost is divided by the computing, not by the step": _of_computing,
    },
    cases=(
        Case("one GPU, nothing cut", (_plan(1, 1, 0, 1),), (17e9, 0.0)),
        Case("stage 1 on 4 ranks", (_plan(1, 4, 1, 1),), (8e9, 0.5)),
        Case("stage 2 on 4 ranks", (_plan(1, 4, 2, 1),), (6.5e9, 7.5 / 10.5)),
        Case("stage 3 on 4 ranks", (_plan(1, 4, 3, 1),), (5e9, 18 / 21)),
        Case("a pipeline of 4", (_plan(1, 1, 0, 4),), (17e9, 1 - 3 / 5.25)),
    ),
    draw=_draw_plan,
)
