"""Apply `expand`: replace ids in an answer by their objects, up to four levels deep."""

from collections.abc import Callable
from typing import Any

from sandbox import store
from sandbox.shapes import Json
from sandbox.stripe_api.errors import InvalidParameterError
from sandbox.stripe_api.permissions import require_reading

Expander = Callable[[Json], Any]
_MAX_DEPTH = 4
_expanders: dict[tuple[str, str], Expander] = {}


def expands_to(object_type: str, **fields: str) -> None:
    """Declare that these fields hold ids of these types: ``expands_to("charge", customer="customer")``."""
    for field, target in fields.items():
        _expanders[object_type, field] = _make_lookup(field, target)


def expands_by(object_type: str, field: str, expander: Expander) -> None:
    """Declare how to compute a field that is absent unless expanded."""
    _expanders[object_type, field] = expander


def _make_lookup(field: str, target: str) -> Expander:
    def look_up(owner: Json) -> Any:
        value = owner.get(field)
        require_reading(target)
        return store.get_object(target, value) if isinstance(value, str) else value

    return look_up


def expand(answer: Json, paths: list[str]) -> Json:
    """Expand an answer in place. Raises InvalidParameterError."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > _MAX_DEPTH:
            message = f"You cannot expand more than {_MAX_DEPTH} levels of a property. Property: {path}"
            raise InvalidParameterError(message, param="expand")
        _follow(answer, steps, path)
    return answer


def _follow(owner: Any, steps: list[str], path: str) -> None:
    if not steps or owner is None:
        return
    if isinstance(owner, list):
        for item in owner:
            _follow(item, steps, path)
        return
    step, *rest = steps
    _follow(_expand_step(owner, step, path, is_last=not rest), rest, path)


def _expand_step(owner: Any, step: str, path: str, *, is_last: bool) -> Any:
    """Expand one field of an object, or step into one with further fields, such as a list's `data`."""
    if not isinstance(owner, dict):
        raise _refuse(path)
    expander = _expanders.get((owner.get("object", ""), step))
    if expander is not None:
        owner[step] = expander(owner)
    elif is_last or not isinstance(owner.get(step), dict | list):
        raise _refuse(path, hint=owner.get("object") == "list")
    return owner[step]


def _refuse(path: str, *, hint: bool = False) -> InvalidParameterError:
    message = f"This property cannot be expanded ({path})."
    if hint:
        message += f" You may want to try expanding 'data.{path}' instead."
    return InvalidParameterError(message, param="expand")
