"""``make messages`` updates and compiles the catalogs; with ``--check``, faults are printed and nothing is written."""

from __future__ import annotations

import sys

from dev.messages.catalogs import updated_text
from dev.messages.checking import find_faults
from dev.messages.compiling import compile_catalogs
from dev.messages.extraction import extract_messages
from dev.messages.languages import COMPLETE, LOCALE, PLURALS, catalog_path


def update() -> None:
    messages = extract_messages()
    for language in PLURALS:
        path = catalog_path(language)
        text = updated_text(messages, language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    compile_catalogs(LOCALE)
    print(f"{len(messages)} messages in {', '.join(PLURALS)}.")


def check() -> None:
    messages = extract_messages()
    faults = [fault for language in COMPLETE for fault in find_faults(messages, language)]
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    check() if sys.argv[1:] == ["--check"] else update()
