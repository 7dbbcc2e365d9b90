"""Find what is wrong with a catalog: missing, fuzzy or obsolete messages, and placeholders or tags that differ."""

from __future__ import annotations

import re
from collections.abc import Iterator

from babel.messages.catalog import Catalog, Message

from dev.messages.catalogs import read_catalog, updated_text
from dev.messages.languages import catalog_path

# What code fills in (%(name)s, %s, %%, {name}), and what the browser reads as markup.
FIXED = re.compile(r"%\(\w+\)[#0 +-]*\d*(?:\.\d+)?\w|%[sdif%]|\{\w*\}|</?[a-z]\w*|https?://[\w./-]+")


def find_faults(messages: Catalog, language: str) -> Iterator[str]:
    """Yield each fault of a language's catalog, as a line to read."""
    path = catalog_path(language)
    catalog = read_catalog(path, language)
    for message in catalog:
        if message.id:
            yield from (f"{language}: {fault}: {_source(message)!r}" for fault in faults_of(message))
    if not path.exists() or path.read_text(encoding="utf-8") != updated_text(messages, language):
        yield f"{language}: not up to date with the code. Run: make messages"


def faults_of(message: Message) -> Iterator[str]:
    """Yield what is wrong with one translated message."""
    texts = message.string if isinstance(message.string, (list, tuple)) else [message.string]
    if not all(texts):
        yield "not translated"
        return
    if message.fuzzy:
        yield "fuzzy: check the translation, then remove the flag"
    source = _source(message)
    wanted = _fixed(source)
    for left, text in zip(reversed(range(len(texts))), map(str, texts), strict=True):
        # All forms but the last may say the number in words.
        least = {part for part in wanted if not part.startswith("%")} if left else wanted
        if not least <= _fixed(text) <= wanted:
            yield f"placeholders or tags differ in {text!r}"
        if _edges(text) != _edges(source):
            yield f"line breaks at the ends differ in {text!r}"


def _source(message: Message) -> str:
    """Return the English text; of two forms, the plural, which has every placeholder."""
    return str(message.id[1]) if isinstance(message.id, (list, tuple)) else str(message.id)


def _fixed(text: str) -> set[str]:
    return set(FIXED.findall(text))


def _edges(text: str) -> tuple[bool, bool]:
    return text.startswith("\n"), text.endswith("\n")
