"""Extract the messages that are marked for translation, from our code and templates and from unfold's.

unfold, which draws the admin, brings no translations. What Django translates already is left to Django.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import django
import unfold
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

from dev.messages.languages import ROOT

OURS = ("accounts", "backoffice", "billing", "config", "core", "credits", "templates")
UNFOLD = Path(unfold.__file__).parent
DJANGO = Path(django.__file__).parent
# Migrations are never edited; of unfold's extensions we install one.
NO_SOURCES = {"migrations", "djstripe_migrations", "contrib", "unfold_crispy"}
TEMPLATES = (".html", ".txt")
ONE_TEXT: dict[str, Any] = dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"))
PLURAL = dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2))
IN_CONTEXT = dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2))
PLURAL_IN_CONTEXT = dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3))
KEYWORDS = {**ONE_TEXT, **PLURAL, **IN_CONTEXT, **PLURAL_IN_CONTEXT}


def extract_messages() -> Catalog:
    """Return every message, with the files that it is in."""
    catalog = Catalog(fuzzy=False)
    for folder in OURS:
        for path in _sources(ROOT / folder):
            _add_messages(catalog, path, str(path.relative_to(ROOT)))
    translated = _translated_by_django()
    for path in (*_sources(UNFOLD), *_sources(UNFOLD / "contrib/filters")):
        _add_messages(catalog, path, f"unfold/{path.relative_to(UNFOLD)}", leave_out=translated)
    return catalog


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        skipped = set(path.relative_to(folder).parts) & NO_SOURCES
        if path.suffix in (".py", *TEMPLATES) and not skipped:
            yield path


def _add_messages(
    catalog: Catalog, path: Path, name: str, leave_out: frozenset[object] = frozenset()
) -> None:
    source = path.read_text(encoding="utf-8")
    if path.suffix in TEMPLATES:
        source = template_as_code(source, name)
    found = extract("python", io.BytesIO(source.encode()), KEYWORDS, ["Translators:"], {"encoding": "utf-8"})
    for _line, message, comments, context in found:
        if message and message not in leave_out:
            catalog.add(message, None, [(name, 0)], auto_comments=comments, context=context)


def template_as_code(source: str, name: str) -> str:
    """Return the template's calls for a translation as Python; its indentation, which Python would read, goes."""
    return "\n".join(line.strip() for line in templatize(source, origin=name).splitlines())


def _translated_by_django() -> frozenset[object]:
    """Return Django's own messages; German stands for all its languages."""
    return frozenset(_ids(DJANGO.glob("**/locale/de/LC_MESSAGES/django.po")))


def _ids(paths: Iterable[Path]) -> Iterator[object]:
    for path in paths:
        with path.open("rb") as file:
            yield from (message.id for message in read_po(file))
