"""Who pays for machines that teams share: a table and a picture from a table of usage. Lab 11."""

import textwrap
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from scaletoolkit import lab
from scaletoolkit.kubernetes.document import ManifestError, documents
from scaletoolkit.kubernetes.fields import Sentences
from scaletoolkit.lab import plots
from scaletoolkit.machine import files
from scaletoolkit.teams import usage
from scaletoolkit.teams.billing import Bill, bill
from scaletoolkit.teams.billing.costs import HOW

if TYPE_CHECKING:
    from matplotlib.figure import Figure

USAGE = """\
team,resource,requested,used,hours
vision,cpu,8,3,730
vision,memory,32Gi,40,730
vision,gpu,2,1,730
speech,gpu,4,4,730
features,cpu,0,20,365
"""
PRICES = """\
currency: EUR
prices_per_hour: {cpu: 0.031611, memory: 0.004237, gpu: 0.95}
machines: {cpu: 96, memory: 384Gi, gpu: 10}
hours: 730
overhead: 100.01
"""
EXAMPLES = f"""
Usage: a team pays for the larger of what it requested and what it used. A plain number is in the
unit of the price.

{textwrap.indent(USAGE, "  ")}
Prices, by the hour; memory by the GiB. Where the usage has a column cluster, `clusters: {{east:
{{cpu: 96}}}}` takes the place of machines. The platform's file of `scaletoolkit tenant` will do as
well, with --hours, where its memory has a unit. Where the machines have only a price as a whole,
say so as machines_per_hour: prices_per_hour are then base prices, which say how the resources
compare (OpenCost, appendix A).

{textwrap.indent(PRICES, "  ")}"""
DRAWN = 10  # teams with bars of their own
NOTHING = Decimal(0)


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """The options of `bill`, and the function that prints it."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    about = f"CSV with the columns {', '.join(usage.NEEDED)} and, for several clusters, cluster"
    parser.add_argument("--usage", required=True, help=about)
    about = "YAML: prices_per_hour, machines (or clusters), machines_per_hour, hours, overhead, …"
    parser.add_argument("--prices", required=True, help=about)
    about = "who pays for idle machines (default weighted: by cluster and resource, as OpenCost)"
    parser.add_argument("--idle", choices=list(HOW), default="weighted", help=about)
    parser.add_argument("--hours", default="", help="how long the machines ran")
    parser.add_argument("--plot", default="bill.png", help="where the picture goes")
    return _run


def _run(options: Namespace) -> int:
    path = files.picture(options.plot)
    result, currency = billed(options)
    caption = f"Computed from {Path(options.usage).name}{f', in {currency}' if currency else ''}"
    print(lab.table(result.table, caption=caption))
    for note in result.notes:
        print(note)
    teams = sum(result.totals.values(), NOTHING)
    parts = {"teams": teams, "idle machines": result.idle, "overhead": result.overhead}
    told = " + ".join(f"{name} {amount:,}" for name, amount in parts.items())
    print(f"{told} = machines {sum(parts.values(), NOTHING):,}.")
    _draw(result, currency, path)
    return 0


def billed(options: Namespace) -> tuple[Bill, str]:
    """The bill, and the currency; LabError with a line for each problem."""
    rows = _read(options.usage, "usage")
    prices = _prices(options.prices, options.hours)
    try:
        return bill(rows, prices, options.idle), prices["currency"]
    except ValueError as error:
        raise lab.LabError(f"{options.usage} and {options.prices}: {error}.") from None


def _read(path: str, what: str) -> list[usage.Row]:
    content = files.text(files.read(path, what))
    try:
        return usage.read_usage(content)
    except ManifestError as error:
        raise lab.LabError(f"{path}: {error}") from None


def _prices(path: str, hours: str) -> usage.Row:
    content = files.read(path, "prices")
    wrong = Sentences()
    prices: usage.Row = {}
    with wrong:
        there = documents(content, "prices file")
        prices = usage.read_prices(there[0] if there else {}, hours, wrong)
    if wrong:
        raise lab.LabError("\n".join(f"{path}: {sentence}" for sentence in wrong))
    return prices


def _draw(result: Bill, currency: str, path: Path) -> None:
    """Bars a team: each resource, and its part of the idle machines; the smallest teams as one."""
    groups = _groups(result)

    def save(figure: "Figure", _: object) -> None:
        figure.savefig(path)

    try:
        plots.bars(groups, "Who pays", currency or "money", "computed", show=save)
    except (OSError, ValueError) as error:
        raise lab.LabError(f"The picture {str(path)!r} cannot be written: {error}.") from None
    print(f"Picture: {path}")


def _groups(result: Bill) -> dict[str, dict[str, float]]:
    totals = result.totals
    ranked = sorted(totals, key=lambda team: -totals[team])
    names = list(dict.fromkeys(name for parts in result.tenants.values() for name in parts))
    groups = {
        team: {name: float(result.tenants[team].get(name, NOTHING)) for name in names}
        for team in ranked
    }
    rest = [groups.pop(team) for team in ranked[DRAWN:]]
    if rest:
        groups[f"{len(rest)} others"] = {name: sum(part[name] for part in rest) for name in names}
    return groups
