"""Compile the catalogs, which Django reads as ``.mo`` files. Needs Babel and nothing else: the image has no more."""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po


def compile_catalogs(locale: Path) -> None:
    """Write each catalog's ``.mo`` beside it. It takes the old one's place at once, as a server may be reading that."""
    for source in sorted(locale.glob("*/LC_MESSAGES/django.po")):
        with source.open("rb") as file:
            catalog = read_po(file, locale=source.parent.parent.name, abort_invalid=True)
        draft = source.with_suffix(".new")
        with draft.open("wb") as file:
            write_mo(file, catalog)
        draft.replace(source.with_suffix(".mo"))


if __name__ == "__main__":
    compile_catalogs(Path(sys.argv[1]))
