"""Read the commands of docs/backups.md, so that the rehearsal and the tests run those and no others."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "backups.md"
BLOCK = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def commands(naming: str, replacing: Mapping[str, str]) -> str:
    """Return the page's one block that contains ``naming``, with what stands for the reader's own replaced.

    Raises:
        LookupError: there is no such block, or another one; or it lacks what is to be replaced.
    """
    found = [textwrap.dedent(block) for block in BLOCK.findall(PAGE.read_text()) if naming in block]
    if len(found) != 1:
        raise LookupError(f"docs/backups.md has {len(found)} blocks with {naming}, not one.")
    text = found[0]
    for theirs, ours in replacing.items():
        if theirs not in text:
            raise LookupError(f"The commands of docs/backups.md with {naming} have no {theirs}.")
        text = text.replace(theirs, ours)
    return text


def archiving(folder: Path) -> dict[str, str]:
    """Return the page's settings that archive the log, below ``folder`` instead of /backup."""
    lines = commands("archive_command", {"/backup/": f"{folder}/"}).splitlines()
    named = (line.split(" = ", 1) for line in lines)
    return {name: value.strip("'") for name, value in named}
