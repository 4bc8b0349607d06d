"""The one-page record of a decision: filled in, and looked through for what is missing. Lab 12."""

import re
from collections.abc import Mapping, Sequence

from scaletoolkit.lab.tables import SOURCES

PLACEHOLDER = "(yours)"
LEAST_WORDS = 3
TEMPLATE = """# Architecture decision: {title}

Status: {status}

## Context

{context}

## Decision

{decision}

## Evidence

{evidence}

## Rejected, and when it would win

{rejected}

## Risks

{risks}

## What would change my mind

{change}

## What I measure next

{next}
"""


def record(texts: Mapping[str, str | Sequence[str]]) -> str:
    """The page, with a text or a list of lines for each part; a part not given is `PLACEHOLDER`.

    texts: title, status, context, decision, evidence, rejected, risks, change, next. KeyError for a
    part that there is not.
    """
    parts = dict.fromkeys(re.findall(r"{(\w+)}", TEMPLATE), PLACEHOLDER)
    for name, text in texts.items():
        if name not in parts:
            raise KeyError(f"the page has no part {name!r}; it has {', '.join(parts)}")
        lines = [text] if isinstance(text, str) else [f"- {line}" for line in text]
        parts[name] = "\n".join(lines) or PLACEHOLDER
    return TEMPLATE.format(**parts)


def problems(page: str) -> list[str]:
    """Sentences about what a page still lacks: [] for a page that is filled in."""
    sentences = []
    head, *parts = page.split("\n## ")
    left = [line.lstrip("# ").split(":")[0] for line in head.splitlines() if PLACEHOLDER in line]
    left += [part.partition("\n")[0] for part in parts if PLACEHOLDER in part]
    if left:
        sentences.append(f"Still to be written: {', '.join(left)}.")
    words = sorted({word for word in SOURCES if re.search(rf"\b{word}\b", page)})
    if len(words) < LEAST_WORDS:
        said = ", ".join(words) or "none"
        sentences.append(f"Numbers need the word for where they are from; it has: {said}.")
    return sentences
