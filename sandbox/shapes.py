"""Make objects as copies of their shape: all fields that Stripe shows, with the values of a plain one."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from sandbox import clock, ids
from sandbox.account import get_account

Json = dict[str, Any]


@cache
def _load(name: str) -> dict[str, Json]:
    shapes: dict[str, Json] = json.loads(Path(__file__).with_name(name).read_text())
    return shapes


def list_types() -> list[str]:
    """List the types of objects that the sandbox knows."""
    return list(_load("shapes.json"))


def list_fields(object_type: str) -> list[str]:
    """List the fields of a type."""
    return list(_load("shapes.json")[object_type])


def make_object(object_type: str, **fields: Any) -> Json:
    """Return a new object with a new id, the current time and the account's mode.

    Raises KeyError for a field that Stripe doesn't have.
    """
    shape = copy.deepcopy(_load("shapes.json")[object_type])
    live = get_account().livemode
    if shape.get("id") == "":
        shape["id"] = ids.make_id(object_type, live=live)
    if "livemode" in shape:
        shape["livemode"] = live
    if "created" in shape:
        shape["created"] = clock.get_now()
    return _fill(shape, fields)


def make_part(name: str, /, **fields: Any) -> Json:
    """Return a new part of an object, such as a charge's `outcome`. Raises KeyError for an unknown field."""
    return _fill(copy.deepcopy(_load("parts.json")[name]), fields)


def _fill(shape: Json, fields: Json) -> Json:
    if unknown := fields.keys() - shape.keys():
        raise KeyError(f"unknown fields: {', '.join(unknown)}")
    return shape | fields
