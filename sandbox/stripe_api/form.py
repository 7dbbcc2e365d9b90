"""Decode Stripe's bracket encoding, ``line_items[0][price]=x&expand[]=y``, to nested dicts of strings."""

import re
from typing import Any
from urllib.parse import parse_qsl

from sandbox.stripe_api.errors import InvalidParameterError

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode_form(encoded: str) -> dict[str, Any]:
    """Nest the pairs of a form. Lists become dicts with the keys "0", "1" …

    Raises InvalidParameterError for a malformed key, or one that is both a value and a group.
    """
    nested: dict[str, Any] = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        match = _KEY.match(key)
        if match is None:
            raise InvalidParameterError(f"Invalid parameter name: {key}", param=key)
        _put(nested, [match[1], *_PART.findall(match[2])], value, key)
    return nested


def _put(nested: dict[str, Any], parts: list[str], value: str, key: str) -> None:
    *groups, last = parts
    for group in groups:
        nested = nested.setdefault(group or str(len(nested)), {})
        if not isinstance(nested, dict):
            raise InvalidParameterError(f"Invalid parameter name: {key}", param=key)
    nested[last or str(len(nested))] = value
