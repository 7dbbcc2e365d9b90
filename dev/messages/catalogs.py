"""Bring a catalog up to date with the messages, and write it in a form that merges well.

Messages are sorted by file and named without line numbers; there are no dates. A message whose English changed keeps
its translation, marked as fuzzy; one that is gone goes.
"""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from dev.messages.languages import PLURALS, catalog_path

HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plurals}\\n"

"""


def read_catalog(path: Path, language: str) -> Catalog:
    """Read a catalog; an empty one if the file isn't there yet."""
    content = path.read_bytes() if path.exists() else _header(language).encode()
    return read_po(io.BytesIO(content), locale=language, abort_invalid=True)


def updated_text(messages: Catalog, language: str) -> str:
    """Return what the language's catalog should contain, with the translations that it has."""
    catalog = read_catalog(catalog_path(language), language)
    catalog.update(messages, update_header_comment=False)
    written = io.BytesIO()
    write_po(
        written,
        catalog,
        width=100,
        omit_header=True,
        sort_by_file=True,
        ignore_obsolete=True,
        include_lineno=False,
    )
    return _header(language) + written.getvalue().decode().rstrip("\n") + "\n"


def _header(language: str) -> str:
    return HEADER.format(language=language, plurals=PLURALS[language])
