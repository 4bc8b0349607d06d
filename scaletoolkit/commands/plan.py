"""What your own product costs: ranges in a YAML file; bill, doubt and weakest assumption out.

`labs/plans/` has three examples: a chat product, a recommender, a vision API.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from scaletoolkit import lab
from scaletoolkit.lab import plots
from scaletoolkit.planning import audit, bill, doubt, prices, product, ranges
from scaletoolkit.planning.doubt import Spread
from scaletoolkit.planning.product import PRICED, Product

MOST_BYTES = 100_000
ROWS_SHOWN = 8
LEAST_WORKERS_TO_AUDIT = 10
TITLE_LETTERS = 60


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """The options of `plan`, and the function that reckons."""
    parser.add_argument("file", help="YAML with the product's numbers, each a range")
    parser.add_argument("--plot", default="plan.png", help="where the tornado picture goes")
    return _run


def _run(options: Namespace) -> int:
    planned = _read(options.file)
    middle = ranges.middles(planned.inputs)
    spread = doubt.draw_bills(planned.inputs)
    _say_bill(planned, middle, spread)
    _say_doubt(planned, spread)
    _say_audit(middle)
    _draw(planned, middle, Path(options.plot))
    return 0


def _read(path: str) -> Product:
    """The product in a file; LabError with a sentence for each mistake."""
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise lab.LabError(f"The file {path!r} cannot be read: {why}.") from None
    if len(content) > MOST_BYTES:
        raise lab.LabError(f"The file {path!r} has more than {MOST_BYTES:,} bytes.")
    try:
        return product.read(content.decode("utf-8-sig", errors="replace"))
    except product.ProductError as error:
        raise lab.LabError(str(error)) from None


def _say_bill(planned: Product, middle: dict[str, float], spread: Spread) -> None:
    """Print the parts, the whole, its doubt and what that means for the budget."""
    print(planned)
    total = float(bill.total(middle))
    rows = [
        {"part": part, "a month": f"${float(dollars):,.0f}", "share": 100 * float(dollars) / total}
        for part, dollars in bill.bill(middle).items()
    ]
    print(lab.table(rows, {"share": "%"}, caption="Computed from the middle of each range"))
    print(f"Bill: ${total:,.0f} a month, computed from the middle of each range.")
    ends = " to ".join(f"${spread.at(percent):,.0f}" for percent in (5, 95))
    print(f"From 5 to 95 %: {ends} a month, simulated by {len(spread.totals):,} draws.")
    for size in (0.01, 0.1, 1.0):
        x = middle | {"users": size * middle["users"]}
        each = float(bill.total(x)) / x["users"]
        print(
            f"With {x['users']:,.0f} users: ${1000 * each:,.2f} a month for a thousand, computed."
        )
    if planned.budget is not None:
        within = 100 * spread.within(planned.budget)
        print(f"Within the budget of ${planned.budget:,.0f}: {within:.0f} of 100 draws.")


def _say_doubt(planned: Product, spread: Spread) -> None:
    """Print what the doubt hangs on, and whose prices were taken."""
    shares = doubt.shares(spread)
    for name, share in list(shares.items())[:ROWS_SHOWN]:
        source = planned.inputs[name].provenance
        print(f"  {100 * share:4.0f} % of the doubt: {name}, {source} ({bill.ABOUT[name]})")
    weakest = doubt.weakest(planned.inputs, spread)
    if weakest:
        known = planned.inputs[weakest]
        print(f"Weakest assumption: {weakest}, {known.provenance}. Measure that next.")
    for name in planned.quoted:
        quote = prices.quotes()[PRICED[name]]
        where = f"{quote['region']}, {quote['date']}, {quote['source']}"
        print(f"{name} is quoted: {quote['middle']:g} {quote['unit']}, {where}.")


def _say_audit(middle: dict[str, float]) -> None:
    """Print the worker-hours beside those of a simulated day."""
    needed = float(bill.workers(middle))
    if needed < LEAST_WORKERS_TO_AUDIT:
        few = "too few for a simulated day to say more"
        print(f"{needed:.1f} workers on the average, computed; {few}.")
        return
    try:
        print(audit.against_simulator(middle))
    except ValueError as error:
        print(f"No day was simulated: {error}.")


def _draw(planned: Product, middle: dict[str, float], path: Path) -> None:
    """Save the picture of what each input does to the bill."""
    ends = dict(list(doubt.tornado(planned.inputs).items())[:ROWS_SHOWN])

    def save(figure: Figure, _: object) -> None:
        figure.savefig(path)

    try:
        total = float(bill.total(middle))
        title = planned.name[:TITLE_LETTERS].replace(
            "$", r"\$"
        )  # else matplotlib reads mathematics
        plots.spans(ends, total, title, "$ a month", show=save)
    except (OSError, ValueError) as error:
        raise lab.LabError(f"The picture {str(path)!r} cannot be written: {error}.") from None
    print(f"Picture: {path}")
