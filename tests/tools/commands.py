"""A command in this process: its own options, parsed from words, and what it does with them."""

import argparse


def options(command, *words):
    """What the parser of a command's module makes of words."""
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=command.command(parser))
    return parser.parse_args([str(word) for word in words])


def run(command, *words):
    """Run a command: its exit status."""
    chosen = options(command, *words)
    return chosen.run(chosen)
