"""Tokens are counted by tiktoken from disk, or by a rule of thumb that says so, and never over the network."""

from __future__ import annotations

import hashlib
import importlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiktoken
import tiktoken.load
import tiktoken.registry
from hypothesis import given
from hypothesis import strategies as st

from credits.rates import token_counting as tokens
from credits.rates.token_counting import RULE_OF_THUMB, TokenCount, count_tokens

URL = "https://encodings.example.com/two_letters.tiktoken"
# Every byte is a token, and so is "ab": two letters of some words.
RANKS = {**{bytes([byte]): byte for byte in range(256)}, b"ab": 256}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty cache on disk, none in memory, and a network that may not be touched."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    for remembered in (tokens._encoding, tokens._package):
        remembered.cache_clear()
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setattr(socket.socket, "connect", no_network)
    yield
    tokens._encoding.cache_clear()


def two_letters() -> dict[str, Any]:
    """An encoding made as tiktoken's own are: from a file that it fetches once and then keeps."""
    content = tiktoken.load.read_file_cached(URL, _sha256(_file()))
    assert content == _file()
    return {
        "name": "two_letters",
        "pat_str": r"\S+|\s+",
        "mergeable_ranks": RANKS,
        "special_tokens": {"<|end|>": 257},
    }


def _file() -> bytes:
    return repr(RANKS).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def encoding(monkeypatch: pytest.MonkeyPatch, settings: Any) -> str:
    """The encoding is known to tiktoken, and the one for models that it doesn't know."""
    tiktoken.list_encoding_names()
    constructors = tiktoken.registry.ENCODING_CONSTRUCTORS
    assert constructors is not None
    monkeypatch.setitem(constructors, "two_letters", two_letters)
    settings.TOKEN_ENCODING = "two_letters"
    return "two_letters"


def put_into_cache(folder: Path, content: bytes) -> Path:
    path = folder / hashlib.sha1(URL.encode()).hexdigest()  # noqa: S324 - tiktoken's own way to name its files
    path.write_bytes(content)
    return path


# --- From disk ---------------------------------------------------------------------------------------------------


def test_data_on_disk_is_used(encoding: str, tmp_path: Path) -> None:
    put_into_cache(tmp_path, _file())

    assert count_tokens("ab abc", "chat-small") == TokenCount(4, "tiktoken:two_letters")


def test_a_text_that_looks_like_a_control_token_is_text(encoding: str, tmp_path: Path) -> None:
    put_into_cache(tmp_path, _file())

    assert count_tokens("<|end|>", "chat-small").count == len("<|end|>")


def test_a_model_that_tiktoken_knows_has_its_own_encoding(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    constructors = tiktoken.registry.ENCODING_CONSTRUCTORS
    assert constructors is not None
    bytes_alone = {
        "name": "cl100k_base",
        "pat_str": r"\S+|\s+",
        "mergeable_ranks": RANKS,
        "special_tokens": {},
    }
    monkeypatch.setitem(constructors, "cl100k_base", lambda: bytes_alone)

    assert count_tokens("ab", "gpt-4").method == "tiktoken:cl100k_base"


# --- Without data ------------------------------------------------------------------------------------------------


def test_missing_data_is_not_fetched(encoding: str) -> None:
    assert count_tokens("some words", "chat-small").method == RULE_OF_THUMB


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base", "gpt2"])
def test_tiktokens_own_encodings_are_not_fetched_either(name: str, settings: Any) -> None:
    settings.TOKEN_ENCODING = name

    assert count_tokens("some words", "chat-small").method == RULE_OF_THUMB


def test_damaged_data_is_not_fetched_anew(encoding: str, tmp_path: Path) -> None:
    put_into_cache(tmp_path, b"damaged")

    assert count_tokens("some words", "chat-small").method == RULE_OF_THUMB


def test_without_the_guard_the_network_would_be_asked(encoding: str) -> None:
    """The negative control: tiktoken by itself does try."""
    with pytest.raises(AssertionError, match="the network was asked"):
        tiktoken.get_encoding(encoding)


def test_an_unknown_encoding_is_no_crash(settings: Any) -> None:
    settings.TOKEN_ENCODING = "no_such_encoding"

    assert count_tokens("some words", "chat-small").method == RULE_OF_THUMB


def test_without_the_package_the_rule_of_thumb_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def none_installed(name: str) -> Any:
        if name.startswith("tiktoken"):
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", none_installed)

    assert count_tokens("some words", "gpt-4") == TokenCount(3, RULE_OF_THUMB)


def test_tiktoken_can_fetch_again_after_the_guard(encoding: str) -> None:
    fetch = tiktoken.load.read_file
    count_tokens("some words", "chat-small")

    assert tiktoken.load.read_file is fetch


# --- The rule of thumb -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a", 2),  # one word: four thirds of a token, rounded up
        ("Write a short poem about the sea.", 10),  # seven words
        ("internationalisation", 5),  # twenty letters
        ("日本語", 3),  # nine bytes
        (" " * 9, 3),
    ],
)
def test_the_rule_is_a_token_for_four_bytes_or_four_for_three_words(text: str, count: int) -> None:
    assert count_tokens(text, "chat-small") == TokenCount(count, RULE_OF_THUMB)


@given(st.text(), st.text())
def test_a_longer_text_never_has_fewer_tokens_by_the_rule(one: str, more: str) -> None:
    assert tokens._by_rule_of_thumb(one) <= tokens._by_rule_of_thumb(f"{one} {more}")
