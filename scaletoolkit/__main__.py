"""`python -m scaletoolkit doctor | list | run 01 | hpa`: a thin command line. Assembly.

Exit status: 0 all is well; 1 a lab or a check failed; 2 it could not start; 130 interrupted.
"""

import argparse
import signal
import sys

from scaletoolkit import __version__, lab
from scaletoolkit.commands import doctor, labs


def doctor_command(parser):
    """what this machine has, what is missing, and what to do about it"""
    parser.add_argument("--cpu-only", action="store_true", help="only ask for PyTorch's CPU build")
    return lambda options: _cpu_only() if options.cpu_only else _doctor()


def _doctor():
    found = doctor.findings()
    stops = any(finding.stops for finding in found)
    if not doctor.packages():
        for name, text in doctor.facts().items():
            print(f"{name:<12}{text}")
    for finding in found:
        print(finding)
    print("Something is missing." if stops else "Everything that the labs need is here.")
    return int(stops)


def _cpu_only():
    found = doctor.cpu_only()
    for finding in found:
        print(finding)
    if not found:
        print("PyTorch is the CPU build that was asked for.")
    return int(bool(found))


def list_command(parser):
    """the labs and their questions, in the order of the course"""

    def run(_):
        for path in labs.labs():
            print(f"{labs.title(path):<32}{labs.question(path)}")
        return 0

    return run


def run_command(parser):
    """execute a lab without a browser: its sections and claims as they come"""
    parser.add_argument("lab", help="its number or name, for example 01")
    parser.add_argument("--profile", help="ci, laptop or workstation: how much data")
    parser.add_argument("--save", metavar="FILE", help="where to write the executed notebook")

    def run(options):
        labs.run(labs.find(options.lab), options.profile, options.save)
        return 0

    return run


def hpa_command(parser):
    """replay your own traffic against your own HorizontalPodAutoscaler manifest (simulated)"""
    from scaletoolkit.commands import hpa

    return hpa.command(parser)


COMMANDS = {
    "doctor": doctor_command,
    "list": list_command,
    "run": run_command,
    "hpa": hpa_command,
}


def main(arguments=None):
    """Run one command; returns the exit status, and prints one sentence for what went wrong."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser(arguments).parse_args(arguments)
    try:
        return options.run(options)
    except labs.LabFailed as failure:
        return _say(failure, 1)
    except lab.LabError as error:
        return _say(error, 2)
    except ModuleNotFoundError as error:
        remedy = "`python -m scaletoolkit doctor` says what is missing."
        return _say(f"The package {error.name!r} is not installed; {remedy}", 2)
    except KeyboardInterrupt:
        return _say("Interrupted; nothing was left running.", 130)


def _say(sentence, status):
    print(sentence, file=sys.stderr)
    return status


def _parser(arguments):
    """The parser; only the command that is called says its options, and imports what it needs."""
    parser = argparse.ArgumentParser(prog="python -m scaletoolkit", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="|".join(COMMANDS))
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        if name in arguments[:1]:
            one.set_defaults(run=command(one))
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped or interrupted: the same
    sys.exit(main())
