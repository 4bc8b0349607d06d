"""Grade what a class handed in: a table of all, and a page for each learner."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `class grade` takes and does."""
    parser.add_argument("folder", help="where the notebooks lie, also in folders of their own")
    return _grade


def _grade(options: Namespace) -> int:
    raise NotImplementedError
