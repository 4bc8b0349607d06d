"""Expected values from real systems and textbooks, one JSON file a subject.

`SCALETOOLKIT_CONFORMANCE` names another folder with files of the same names and more cases.
"""

import json
import os
from pathlib import Path

HERE = Path(__file__).parent


def cases(file, section):
    """Every case of a section of a file in the conformance folder: a list, never empty."""
    folder = Path(os.environ.get("SCALETOOLKIT_CONFORMANCE", HERE))
    found = json.loads((folder / file).read_text())[section]
    if not found:
        raise ValueError(f"{folder / file} has no cases in {section!r}")
    return found
