"""The one-page record: complete, or a sentence about what is missing."""

import pytest

from scaletoolkit.planning import decision

FILLED = dict.fromkeys(
    ("title", "status", "context", "decision", "rejected", "risks", "change", "next"), "said"
)
EVIDENCE = ["1 s measured", "2 s quoted", "3 s assumed"]


def test_a_page_that_is_filled_in_has_no_problem():
    page = decision.record(FILLED | {"evidence": EVIDENCE})
    assert decision.problems(page) == []
    assert "- 2 s quoted\n- 3 s assumed" in page


def test_what_is_missing_is_named():
    page = decision.record(FILLED | {"evidence": EVIDENCE, "decision": "(yours)", "risks": ""})
    assert decision.problems(page) == ["Still to be written: Decision, Risks."]
    page = decision.record(FILLED | {"evidence": EVIDENCE[:1]})
    assert decision.problems(page) == [
        "Numbers need the word for where they are from; it has: measured."
    ]


def test_the_pages_head_is_missing_too():
    texts = FILLED | {"evidence": EVIDENCE, "title": "(yours)", "status": ""}
    assert decision.problems(decision.record(texts | {"risks": "(yours)"})) == [
        "Still to be written: Architecture decision, Status, Risks."
    ]
    (said,) = decision.problems(decision.record(FILLED | {"evidence": EVIDENCE, "status": ""}))
    assert said == "Still to be written: Status."


def test_a_part_that_there_is_not_is_a_sentence():
    with pytest.raises(KeyError, match="the page has no part 'evidense'; it has title, status"):
        decision.record({"evidense": "1"})


def test_braces_in_a_text_stay():
    assert "{x}" in decision.record(FILLED | {"decision": "{x}"})
