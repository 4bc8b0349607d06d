"""A team's request of eight lines as manifests for a cluster, or all that is wrong with it. Lab 11.

Everything is checked, then everything is written: one file a team, whole or not at all.
"""

import textwrap
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path
from typing import Any

import yaml

from scaletoolkit import lab
from scaletoolkit.kubernetes.document import ManifestError, documents
from scaletoolkit.machine import files
from scaletoolkit.teams import manifests, policy, requests

REQUEST = """\
team: vision
owner: mina@example.com
guaranteed: {cpu: 8, memory: 32Gi, gpu: 2}
at_most: {cpu: 16, memory: 64Gi, gpu: 6}
default: {cpu: 500m, memory: 1Gi}
max: {cpu: 8, memory: 32Gi, gpu: 2}
budget_per_month: 2000
talks_to: [features]
"""
PLATFORM = """\
machines: {cpu: 96, memory: 384Gi, gpu: 10}
prices_per_hour: {cpu: 0.031611, memory: 0.004237, gpu: 0.95}
teams:
  features: {owner: jo@example.com, guaranteed: {cpu: 32, memory: 128Gi}}
  speech: {owner: lee@example.com, guaranteed: {cpu: 32, memory: 128Gi, gpu: 4}}
kueue: {cohort: teams, flavor: default}
lets_in: [monitoring]
"""
EXAMPLES = f"""
A request. `default` is for a container that asks for nothing, `max` for the largest; both teams
must name each other in `talks_to`. at_most, max and talks_to may be left out.

{textwrap.indent(REQUEST, "  ")}
A platform. Prices are for a core, a GiB and a GPU. `flavor` is a ResourceFlavor that Kueue has; the
namespaces in `lets_in` may call every team. kueue, lets_in and gpu_name may be left out.

{textwrap.indent(PLATFORM, "  ")}"""
TOP = "# Written by `scaletoolkit tenant`: change the request, not this file.\n"


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """The options of `tenant`, and the function that writes the manifests."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("--request", required=True, help="YAML: what the team asks for")
    about = "YAML: what the machines have and cost, and which teams are there"
    parser.add_argument("--platform", required=True, help=about)
    parser.add_argument("--out", required=True, help="the folder for `kubectl apply -f FOLDER`")
    about = "show what would change there, and write nothing; exit status 1 if anything would"
    parser.add_argument("--diff", action="store_true", help=about)
    return _run


def _run(options: Namespace) -> int:
    request = _document(options.request, "request")
    platform = _document(options.platform, "platform")
    text = rendered(request, platform, options.request)
    path = Path(options.out) / f"{manifests.namespace_name(request['team'])}.yaml"
    there = _there(path)
    if options.diff:
        return _show(there, text, path)
    if there == text:
        print(f"{path} is as it should be; nothing was written.")
        return 0
    files.replace(path, text.encode())
    print(f"{path}: {'changed' if there else 'new'}. Next: kubectl apply -f {options.out}")
    _advise(request, platform, options.platform)
    return 0


def _advise(request: Any, platform: Any, name: str) -> None:
    """What is left to do for those whose file the platform is."""
    entry = {"owner": request["owner"], "guaranteed": request["guaranteed"]}
    if (platform.get("teams") or {}).get(request["team"]) != entry:
        line = yaml.safe_dump({request["team"]: entry}, sort_keys=False, default_flow_style=None)
        print(f"Note it in {name}, under `teams`, so that nobody else is sold it:")
        print(line.rstrip())
    left = requests.guaranteed_to_nobody(request, platform)
    if left:
        told = ", ".join(f"{resource} {amount}" for resource, amount in left.items())
        print(f"# Guaranteed to nobody: {told}. Kueue lends it only as a quota of the cohort.")


def _document(path: str, what: str) -> Any:
    """The only document of a file; LabError where it has none, or several."""
    source = files.read(path, what)
    try:
        there = documents(source, what)
    except ManifestError as error:
        raise lab.LabError(f"{path}: {error}") from None
    if len(there) != 1:
        raise lab.LabError(f"{path}: expected one document of YAML, got {len(there)}.")
    return there[0]


def rendered(request: object, platform: object, name: str) -> str:
    """The manifests of a request as YAML; LabError, a line for each problem, where it has any."""
    wrong = requests.problems(request, platform)
    made = [] if wrong else manifests.render(request, platform)
    wrong += policy.mistakes(made)
    if wrong:
        count = "one thing is wrong" if len(wrong) == 1 else f"{len(wrong)} things are wrong"
        raise lab.LabError("\n".join([f"{name}: {count}, nothing was written.", *wrong]))
    return TOP + yaml.safe_dump_all(made, sort_keys=False, allow_unicode=True, width=1000)


def _there(path: Path) -> str:
    """What stands in the team's file, "" where it is not there."""
    if not path.exists():
        return ""
    text = files.text(files.read(path, "team's"))
    if not text.startswith(TOP):
        raise lab.LabError(f"{path} was not written by this command; it stays as it is.")
    return text


def _show(there: str, text: str, path: Path) -> int:
    lines = unified_diff(
        there.splitlines(), text.splitlines(), f"{path}, there", f"{path}, asked for", lineterm=""
    )
    difference = "\n".join(lines)
    print(difference or f"{path} is as it should be.")
    return 1 if difference else 0
