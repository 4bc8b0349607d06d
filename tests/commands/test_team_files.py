"""`scaletoolkit tenant` and `bill` on the files that people have. Lab 11.

Each gives a right result, or one sentence a mistake that says where it is; never a traceback.
"""

import json
import re

import pytest
import yaml

from scaletoolkit.__main__ import main
from scaletoolkit.commands.tenant import PLATFORM, REQUEST

USAGE = "team,resource,requested,used,hours\n"
ROWS = "ads,cpu,4,1,100\nvision,cpu,2,3,100\nvision,memory,8,2,100\n"
PRICES = "prices_per_hour: {cpu: 0.1, memory: 0.01}\nmachines: {cpu: 16, memory: 64}\nhours: 100\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{c}: &{c} [{','.join([f'*{chr(ord(c) - 1)}'] * 9)}]\n" for c in "bcdefghi"
)
WITHOUT_ALL = re.sub(r"(?m)^(at_most|max|talks_to).*\n", "", REQUEST)
AS_JSON = json.dumps(yaml.safe_load(REQUEST), indent="\t")

REQUESTS = {  # name: (the request, what is said); ✘ before what is refused
    "as in the lab": (REQUEST, "team-vision.yaml: new"),
    "json with tabs": (AS_JSON, "team-vision.yaml: new"),
    "windows": (REQUEST.replace("\n", "\r\n"), "team-vision.yaml: new"),
    "a mark of the editor": ("\ufeff" + REQUEST, "team-vision.yaml: new"),
    "a comment and an end": ("# ours\n---\n" + REQUEST + "...\n", "team-vision.yaml: new"),
    "the shortest": (WITHOUT_ALL, "team-vision.yaml: new"),
    "an anchor": (
        REQUEST.replace("at_most: {cpu: 16", "at_most: &most {cpu: 16").replace(
            "max: {cpu: 8, memory: 32Gi, gpu: 2}", "max: *most"
        ),
        "team-vision.yaml: new",
    ),
    "nothing lent": (re.sub("at_most: .*", "at_most:", REQUEST), "team-vision.yaml: new"),
    "empty": ("", "✘ vision.yaml: expected one document of YAML, got 0"),
    "only a comment": ("# later\n", "✘ got 0"),
    "two teams": (f"{REQUEST}---\n{REQUEST}", "✘ expected one document of YAML, got 2"),
    "a list": (f"- {REQUEST.replace(chr(10), chr(10) + '  ')}", "✘ The request is a list"),
    "a word": ("vision\n", '✘ The request is "vision"'),
    "markdown": ("# Team\n\n* vision: **GPU**\n", "✘ not YAML: line 3"),
    "a template": ("team: {{ .Values.team }}\n", "✘ team: a key must be text; render a template"),
    "a tab": (REQUEST.replace("owner:", "\towner:"), "✘ not YAML: line 2"),
    "half of it": (REQUEST[: REQUEST.index("at_most") + 20], "✘ not YAML: line 4"),
    "bytes": (b"\x00\xff\xfe\xfd" * 20, "✘ not UTF-8"),
    "utf-16": (REQUEST.encode("utf-16"), "✘ not UTF-8"),
    "a bomb": (BOMB, "✘ more than 10,000 values"),
    "deep": ("a: " + "[" * 3000, "✘ nested"),
    "large": ("x" * 70_000, "✘ at most 65,536 bytes"),
    "a key twice": (REQUEST + "team: sound\n", '✘ team: Duplicate key "team"'),
    "a manifest": ("apiVersion: v1\nkind: Namespace\n", '✘ unknown field "apiVersion"'),
    "yes as a name": (REQUEST.replace("vision", "yes"), "✘ team: Invalid value: true: must be te"),
    "a number as a name": (REQUEST.replace("vision", "007"), "✘ team: Invalid value: 7: must be"),
    "a path as a name": (REQUEST.replace("vision", "../../etc"), "✘ team: Invalid value"),
    "a line in the owner": (REQUEST.replace("mina@", '"a\\nb"#'), "✘ owner: Invalid value"),
    "numbers in words": (REQUEST.replace("cpu: 16", "cpu: sixteen"), "✘ at_most.cpu: Invalid val"),
    "a decimal comma": (REQUEST.replace("500m", "0,5"), '✘ unknown field "default.5"'),
    "no number": (REQUEST.replace("cpu: 16", "cpu: .nan"), "✘ at_most.cpu: Invalid value"),
    "endless": (REQUEST.replace("2000", ".inf"), "✘ budget_per_month: Invalid value"),
    "a currency": (REQUEST.replace("2000", "2000 EUR"), "✘ budget_per_month: Invalid value"),
    "a huge exponent": (REQUEST.replace("2000", "1e999999999"), "✘ budget_per_month: Invalid"),
    "a huge quantity": (REQUEST.replace("64Gi", "1e999"), "✘ at_most.memory: Invalid value"),
    "a date": (REQUEST.replace("2000", "2026-01-01"), "✘ budget_per_month: Invalid value"),
    "null": (REQUEST.replace("mina@example.com", "null"), "✘ owner: Required value"),
}


def say(arguments, capsys):
    """What the command says, and its exit status."""
    status = main([str(each) for each in arguments])
    said = capsys.readouterr()
    return said.out, said.err, status


def check(said, expected, folder):
    out, err, status = said
    if expected.startswith("✘ "):
        assert re.search(re.escape(expected[2:]), err)
        assert status == 2
        assert out == ""
        assert list(folder.glob("out")) == []
        assert all(len(line) < 500 for line in err.splitlines())
    else:
        assert re.search(re.escape(expected), out), err
        assert (err, status) == ("", 0)


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path.name


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_granted_or_refused_in_sentences(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, expected = REQUESTS[name]
    write(tmp_path / "platform.yaml", PLATFORM)
    files = ["--request", write(tmp_path / "vision.yaml", content), "--platform", "platform.yaml"]
    check(say(["tenant", *files, "--out", "out"], capsys), expected, tmp_path)


PLATFORMS = {
    "no teams yet": (re.sub(r"(?s)teams:\n.*kueue", "teams:\nkueue", PLATFORM), "✘ it has none"),
    "only machines": ("machines: {cpu: 96, memory: 384Gi}\n", "✘ platform.prices_per_hour: Requi"),
    "empty": ("", "✘ platform.yaml: expected one document of YAML, got 0"),
    "a list of teams": (PLATFORM.replace("teams:\n", "teams: []\nx:\n"), "✘ platform.teams: Inv"),
    "free": (re.sub("prices_per_hour: .*", "prices_per_hour: {}", PLATFORM), "✘ per_hour.cpu: Req"),
    "bytes": (b"\xff\xff", "✘ platform.yaml: The platform is not UTF-8"),
    "no team is a mapping": (re.sub("{owner.*}", "1", PLATFORM), "✘ platform.teams.speech: Invali"),
    "owners only": (re.sub(", guaranteed: {.*}}", "}", PLATFORM), "team-vision.yaml: new"),
}


@pytest.mark.parametrize("name", PLATFORMS)
def test_an_operators_file_is_read_or_refused_in_sentences(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, expected = PLATFORMS[name]
    write(tmp_path / "vision.yaml", REQUEST)
    files = ["--request", "vision.yaml", "--platform", write(tmp_path / "platform.yaml", content)]
    check(say(["tenant", *files, "--out", "out"], capsys), expected, tmp_path)


ADDS_UP = "= machines 224.00."
TABLES = {
    "as in the lab": (USAGE + ROWS, "machines 224.00."),
    "semicolons": ((USAGE + ROWS).replace(",", ";"), ADDS_UP),
    "tabs": ((USAGE + ROWS).replace(",", "\t"), ADDS_UP),
    "excel": ("sep=;\r\n" + (USAGE + ROWS).replace(",", ";").replace("\n", "\r\n"), ADDS_UP),
    "utf-16": ((USAGE + ROWS).replace(",", "\t").encode("utf-16"), ADDS_UP),
    "a mark of the editor": ("\ufeff" + USAGE + ROWS, ADDS_UP),
    "capitals and spaces": (USAGE.title().replace(",", " , ") + ROWS.replace(",", ", "), ADDS_UP),
    "more columns": (
        USAGE.replace("\n", ",day\n") + ROWS.replace("\n", ",Monday\n"),
        ADDS_UP,
    ),
    "quotes": (USAGE + 'ads,"cpu","4","1","100"\n', ADDS_UP),
    "empty lines": (USAGE + "\n" + ROWS + "\n\n", ADDS_UP),
    "quantities": (USAGE + "ads,cpu,4000m,1,100\nads,memory,8Gi,2048Mi,100\n", "40.00    8.00"),
    "exponents": (USAGE + "ads,cpu,4e0,1.0E+00,1e2\n", ADDS_UP),
    "more than there is": (USAGE + "ads,cpu,64,1,100\n", "400% of the machines"),
    "the same twice": (USAGE + ROWS + ROWS, ADDS_UP),
    "nothing": ("", "✘ needs a line of headings, and rows below it"),
    "headings": (USAGE, "✘ needs a line of headings, and rows below it"),
    "no headings": (ROWS, "✘ has no column team, resource, requested, used, hours"),
    "another heading": (USAGE.replace("used", "usage") + ROWS, "✘ has no column used; it has: t"),
    "a heading twice": (USAGE.replace("hours", "hours,used") + ROWS, "✘ two columns used"),
    "a short row": (USAGE + "ads,cpu,4\n", "✘ row 1: has 3 cells, fewer than the headings"),
    "a word": (USAGE + ROWS + "ads,cpu,four,1,1\n", '✘ row 4: requested: "four" must be a number'),
    "a gap": (USAGE + "ads,cpu,4,,100\n", '✘ row 1: used: "" must be a number from 0'),
    "no team": (USAGE + ",cpu,4,1,100\n", "✘ row 1: team is empty"),
    "negative": (USAGE + "ads,cpu,-4,1,100\n", '✘ row 1: requested: "-4" must be a number from 0'),
    "nan": (USAGE + "ads,cpu,nan,1,100\n", '✘ row 1: requested: "nan" must be a number'),
    "thousands": (USAGE + 'ads,cpu,"1,000",1,1\n', '✘ row 1: requested: "1,000" must be a number'),
    "a decimal comma": (
        (USAGE + "ads,cpu,4,1,100\n").replace(",", ";").replace("4", "4,5"),
        '✘ row 1: requested: "4,5" must be a number',
    ),
    "a huge exponent": (USAGE + "ads,cpu,1e999999999,1,1\n", "✘ row 1: requested: "),
    "a fraction": (USAGE + "ads,cpu,1/2,1,1\n", '✘ row 1: requested: "1/2" must be a number'),
    "no such resource": (USAGE + "ads,tpu,1,1,1\n", "✘ row 1: machines has no 'tpu'"),
    "idle as a name": (USAGE + "idle,cpu,1,1,1\n", "✘ row 1: 'idle' cannot be the name of a team"),
    "no such cluster": (
        USAGE.replace("\n", ",cluster\n") + "ads,cpu,1,1,1,east\n",
        "✘ row 1: cluster must be one of machines, got 'east'",
    ),
    "an open quote": (USAGE + 'ads,"cpu,4,1,100\n', "✘ row 1: has 2 cells"),
    "json": (json.dumps([{"team": "ads", "cpu": 4}], indent=1), "✘ has no column"),
    "a page": ("<html>\n<body>404</body>\n", "✘ has no column"),
    "binary": (bytes(range(256)), "✘ has no column"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_usage_gives_a_bill_or_one_sentence(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, expected = TABLES[name]
    write(tmp_path / "prices.yaml", PRICES)
    files = ["--usage", write(tmp_path / "usage.csv", content), "--prices", "prices.yaml"]
    check(say(["bill", *files, "--plot", "bill.png"], capsys), expected, tmp_path)


LISTS = {
    "as in the lab": (PRICES, ADDS_UP),
    "clusters": (
        "prices_per_hour: {cpu: 0.1, memory: 0.01}\nhours: 100\n"
        "clusters: {east: {cpu: 16, memory: 64Gi}}\n",
        ADDS_UP,
    ),
    "hours as text": (PRICES.replace("100", '"100"'), ADDS_UP),
    "two clusters, rows without": (
        PRICES.replace("machines: {cpu: 16, memory: 64}", "clusters: {a: {cpu: 1}, b: {cpu: 1}}"),
        "✘ row 1: cluster must be one of a, b, got None",
    ),
    "empty": ("", "✘ prices.yaml: prices.prices_per_hour: Required value"),
    "no prices": (PRICES.split("\n", 1)[1], "✘ prices.prices_per_hour: Required value"),
    "no machines": (re.sub("machines.*", "", PRICES), "✘ prices.machines: Required value"),
    "both": (PRICES + "clusters: {a: {cpu: 1}}\n", "✘ either this or clusters must say"),
    "no hours": (PRICES.replace("hours: 100", ""), "✘ prices.hours: Required value"),
    "no time": (PRICES.replace("100", "0"), "✘ prices.hours: 0 must be a number above 0"),
    "a long time": (PRICES.replace("100", "for ever"), '✘ prices.hours: "for ever" must be a num'),
    "a resource without a price": (PRICES.replace("64", "64, gpu: 1"), "✘ 'gpu' has no price"),
    "a price in words": (PRICES.replace("0.1", "cheap"), "✘ prices.prices_per_hour.cpu: Invalid"),
    "a negative price": (PRICES.replace("0.1", "-1"), "✘ prices.prices_per_hour.cpu: Invalid"),
    "machines in words": (PRICES.replace("16", "many"), "✘ prices.machines.cpu: Invalid value"),
    "machines as a list": (re.sub("{cpu: 16.*", "[16]", PRICES), "✘ prices.machines: Invalid"),
    "clusters as words": (
        re.sub("machines: .*", "clusters: {a: big}", PRICES),
        "✘ prices.clusters.a: Invalid value",
    ),
    "a misspelt field": (PRICES.replace("hours: 100", "hour: 100"), '✘ did you mean "hours"?'),
    "overhead in words": (PRICES + "overhead: some\n", "✘ prices.overhead: Invalid value"),
    "not YAML": ("a: [", "✘ The prices file is not YAML: line 1"),
    "bytes": (b"\xff\xfe\x00", "✘ The prices file is not UTF-8"),
}


@pytest.mark.parametrize("name", LISTS)
def test_prices_give_a_bill_or_one_sentence(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, expected = LISTS[name]
    write(tmp_path / "usage.csv", USAGE + ROWS)
    files = ["--usage", "usage.csv", "--prices", write(tmp_path / "prices.yaml", content)]
    check(say(["bill", *files, "--plot", "bill.png"], capsys), expected, tmp_path)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--plot", "no/such/folder.png"], "The picture 'no/such/folder.png' cannot be written"),
        (["--plot", "/"], "The picture '/' cannot be written: that is a folder"),
        (["--hours", "-1"], 'prices.hours: "-1" must be a number above 0'),
        (["--usage", "none.csv"], "The usage file 'none.csv' cannot be read: no such file"),
        (["--prices", "."], "The prices file '.' cannot be read: is a directory"),
    ],
)
def test_the_bill_says_which_option_is_wrong(options, sentence, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "usage.csv", USAGE + ROWS)
    write(tmp_path / "prices.yaml", PRICES)
    files = ["--usage", "usage.csv", "--prices", "prices.yaml"]
    _, err, status = say(["bill", *files, *options], capsys)
    assert sentence in err
    assert status == 2
