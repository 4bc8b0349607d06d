"""Machines for features: bytes in each store, shards, replicas, tails, each by its law. Lab 10."""

import argparse
from collections.abc import Callable

from scaletoolkit import features, lab

MAY_BE_0 = ("--copied", "--zipf", "--lookups-per-s")
MOST = 10**15  # a number beyond it is a slip
WHOLE = {
    "--entities": (None, "how many have a row"),
    "--features": (None, "how many numbers a row has"),
    "--bytes": (None, "of one number: 4 for float32, 1 for int8"),
    "--calls-per-request": (None, "how many calls a request must wait for"),
    "--entities-per-call": (100, "how many rows a call asks one shard for"),
    "--cores": (8, "of one machine"),
    "--copied": (0, "how many of the most wanted entities lie on every shard"),
}
NUMBERS = {
    "--qps": (None, "requests a second"),
    "--memory-gb": (64.0, "of one machine, for rows"),
    "--percentile": (99.0, "which of a hundred requests must be in time"),
    "--zipf": (1.0, "the exponent of Zipf's law: how unequally entities are wanted"),
    "--lookups-per-s": (0.0, "rows that one core finds in a second (default: your lab 10's)"),
}


def command(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """The options of `capacity`, and the function that prints the plan."""
    for option, (default, about) in {**WHOLE, **NUMBERS}.items():
        kind = int if option in WHOLE else float
        told = f"{about} (default {default:g})" if default else about
        parser.add_argument(option, type=kind, default=default, required=default is None, help=told)
    first = next(iter(features.STORES))
    about = f"which store is planned for (default {first})"
    parser.add_argument("--store", choices=list(features.STORES), default=first, help=about)
    return _run


def _run(options: argparse.Namespace) -> int:
    _check(options)
    try:
        _say_bytes(options)
        _say_machines(options)
    except ValueError as error:
        raise lab.LabError(f"{error}.") from None
    return 0


def _check(options: argparse.Namespace) -> None:
    for option in {**WHOLE, **NUMBERS}:
        value = getattr(options, option[2:].replace("-", "_"))
        if option in MAY_BE_0 and not 0 <= value < MOST:
            raise lab.LabError(f"{option} must be a number of 0 or more; got {value}.")
        if option not in MAY_BE_0 and not 0 < value < MOST:
            raise lab.LabError(f"{option} must be a number above 0; got {value}.")
    if options.copied >= options.entities:
        raise lab.LabError(f"--copied must be less than the {options.entities:,} entities.")


def _say_bytes(options: argparse.Namespace) -> None:
    value = options.features * options.bytes
    rows = []
    for name, (_, law) in features.STORES.items():
        each = features.bytes_per_entity(value, name)
        row = {"store": name, "bytes an entity": each, "in all": each * options.entities}
        rows.append(row | {"law": law})
    columns = ("bytes an entity", "in all")
    caption = f"{options.entities:,} entities × {options.features:,} features of {options.bytes} B"
    units = dict.fromkeys(columns, "B")
    print(lab.table(rows, units, dict.fromkeys(columns, "computed"), columns, caption), end="\n\n")


def _say_machines(options: argparse.Namespace) -> None:
    core_per_s = options.lookups_per_s or lab.recall("10.lookups_per_core")
    calls_per_s = options.qps * options.calls_per_request
    machine_per_s = core_per_s * options.cores / options.entities_per_call
    size = options.entities * features.bytes_per_entity(
        options.features * options.bytes, options.store
    )
    hot = features.zipf_share(options.copied + 1, options.entities, options.zipf)
    plan = features.plan(size, calls_per_s, options.memory_gb * 1e9, machine_per_s, hot)
    percent = features.fan_out_percentile(options.percentile, options.calls_per_request)
    for what, number, unit, law in [
        ("Shards", plan.shards, "", "⌈bytes ÷ memory of a machine⌉"),
        ("Calls of a shard, if all were equal", calls_per_s / plan.shards, "/s", "calls ÷ shards"),
        ("The hottest shard", plan.hottest, "times that", "n p + 1 - p, p by Zipf's law"),
        ("Calls that a machine can answer", machine_per_s, "/s", "cores × lookups ÷ rows a call"),
        ("Replicas of each shard", plan.replicas, "", "⌈hottest ÷ 70 % of a machine⌉ + 1 spare"),
        ("Machines", plan.shards * plan.replicas, "", "shards × replicas"),
    ]:
        print(f"{what}: {lab.computed(number, unit, exact=True)} · {law}")
    law = f"100 ({options.percentile:g} ÷ 100)^(1 ÷ {options.calls_per_request})"
    print(f"Percentile that each call must meet: {percent:.5g} computed · {law}")
