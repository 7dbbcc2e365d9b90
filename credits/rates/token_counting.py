"""Count the tokens of a text, by tiktoken if it and its data are installed, else by a rule of thumb for English.

The result says which. It never uses the network: a price must not wait for another server. Reasons, and how to install
the data: docs/decisions/token-counting.md.
"""

from __future__ import annotations

import functools
import importlib
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from types import ModuleType
from typing import Any, Final

import structlog
from django.conf import settings

RULE_OF_THUMB: Final = "rule_of_thumb"
BYTES_PER_TOKEN = 4
TOKENS_PER_WORD = Fraction(4, 3)
_loading = threading.Lock()
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class TokenCount:
    """A count; ``method`` is ``tiktoken:<encoding>`` or ``rule_of_thumb``."""

    count: int
    method: str


def count_tokens(text: str, model: str) -> TokenCount:
    """Return the tokens of a text as the model reads it.

    tiktoken uses the model's encoding, or else ``TOKEN_ENCODING``. If that can't be loaded from disk: a token for
    every four bytes of UTF-8, or four for every three words, whichever is more, rounded up.
    """
    name = _encoding_name(model)
    encoding = _encoding(name)
    if encoding is None:
        return TokenCount(_by_rule_of_thumb(text), RULE_OF_THUMB)
    # "ordinary": text that looks like a control token is text.
    return TokenCount(len(encoding.encode_ordinary(text)), f"tiktoken:{name}")


def _by_rule_of_thumb(text: str) -> int:
    by_bytes = Fraction(len(text.encode("utf-8", "surrogatepass")), BYTES_PER_TOKEN)
    by_words = len(text.split()) * TOKENS_PER_WORD
    return math.ceil(max(by_bytes, by_words))


def _encoding_name(model: str) -> str:
    tiktoken = _package()
    default: str = settings.TOKEN_ENCODING
    if tiktoken is None:
        return default
    try:
        known: str = tiktoken.model.encoding_name_for_model(model)
    except KeyError:
        return default
    return known


@functools.cache
def _package() -> ModuleType | None:
    try:
        importlib.import_module("tiktoken.load")
        return importlib.import_module("tiktoken")
    except ImportError:
        return None


@functools.cache
def _encoding(name: str) -> Any:
    """Return tiktoken's encoding; None if it isn't on disk. Either result is cached for the life of the process."""
    tiktoken = _package()
    if tiktoken is None:
        return None
    with _loading, _from_disk_alone(tiktoken.load):
        try:
            return tiktoken.get_encoding(name)
        except (OSError, ValueError) as error:
            log.warning("token_encoding_not_loaded", encoding=name, reason=str(error)[:200])
            return None


@contextmanager
def _from_disk_alone(load: Any) -> Iterator[None]:
    """Keep tiktoken from fetching data: it reads its cache, or fails immediately.

    It has no switch for that. If its file is missing or damaged it fetches without a timeout, always by ``read_file``.
    """
    fetch = load.read_file

    def read_local(path: str) -> Any:
        if "://" in path:
            raise FileNotFoundError(f"{path} is not in tiktoken's cache on this machine")
        return fetch(path)

    load.read_file = read_local
    try:
        yield
    finally:
        load.read_file = fetch
