"""A team's request of eight lines as manifests for a cluster, or all that is wrong with it. Lab 11.

Everything is checked, then everything is written: one file a team, whole or not at all.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path
from typing import Any

import yaml

from scaletoolkit import lab
from scaletoolkit.kubernetes.document import ManifestError, documents
from scaletoolkit.machine import files
from scaletoolkit.teams import manifests, policy, requests

TOP = "# Written by `scaletoolkit tenant`: change the request, not this file.\n"


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """The options of `tenant`, and the function that writes the manifests."""
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
    entry = {"owner": request["owner"], "guaranteed": request["guaranteed"]}
    if (platform.get("teams") or {}).get(request["team"]) != entry:
        line = yaml.safe_dump({request["team"]: entry}, sort_keys=False, default_flow_style=None)
        print(f"Note it in {options.platform}, under `teams`, so that nobody else is sold it:")
        print(line.rstrip())
    return 0


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
