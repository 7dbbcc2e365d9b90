"""Every object begins as a copy of its shape: all the fields Stripe shows, with the values a plain one has."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from sandbox import clock, ids
from sandbox.account import get_account

Json = dict[str, Any]


@cache
def _load_shapes() -> dict[str, Json]:
    shapes: dict[str, Json] = json.loads(Path(__file__).with_name("shapes.json").read_text())
    return shapes


def list_types() -> list[str]:
    """List the types of objects that the sandbox knows."""
    return list(_load_shapes())


def make_object(object_type: str, **fields: Any) -> Json:
    """A new object with a fresh id, the present time and the account's mode.

    Raises KeyError for a field that Stripe doesn't have.
    """
    shape = copy.deepcopy(_load_shapes()[object_type])
    live = get_account().livemode
    if shape.get("id") == "":
        shape["id"] = ids.make_id(object_type, live=live)
    if "livemode" in shape:
        shape["livemode"] = live
    if "created" in shape:
        shape["created"] = clock.get_now()
    for name, value in fields.items():
        if name not in shape:
            raise KeyError(f"{object_type} has no field {name}")
        shape[name] = value
    return shape
