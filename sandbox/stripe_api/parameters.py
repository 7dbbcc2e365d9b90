"""Checks a request against the parameter types that stripe-python generates from Stripe's own specification.

Forms carry strings only, so checking and converting are one walk over the type. It is written here, and not left to
a schema library, because the refusals must read as Stripe's do: name, code and wording.
"""

import types
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import get_type_hints, is_typeddict

from sandbox.stripe_api.errors import InvalidParameterError
from sandbox.stripe_api.lengths import require_length

# In stripe-python's types these stand among the parameters, but they are headers or settings of its client.
_CLIENT_OPTIONS = frozenset(RequestOptions.__annotations__)
# Named in those types for the type checker only.
_UNIMPORTED = {"StripeContext": object, "Mapping": Mapping}


def check_parameters(given: dict[str, Any], accepted: type) -> dict[str, Any]:
    """The parameters with their proper types. Raises InvalidParameterError for the first that won't do.

    An empty string stays "" where Stripe takes it as "unset this"; a Decimal stays a Decimal.
    """
    return _check_group(given, accepted, "")


@cache
def _read_fields(accepted: type) -> dict[str, Any]:
    hints = get_type_hints(accepted, localns=_UNIMPORTED)
    return {name: hint for name, hint in hints.items() if name not in _CLIENT_OPTIONS}


def list_choices(accepted: type, name: str) -> tuple[Any, ...]:
    """Return the values that a parameter can have, where Stripe names them."""
    return _collect_allowed((_read_fields(accepted)[name], *get_args(_read_fields(accepted)[name])))


def _check_group(given: Any, accepted: type, path: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InvalidParameterError("Invalid object", param=path or None)
    fields = _read_fields(accepted)
    _refuse_unknown([_join(path, name) for name in given if name not in fields])
    required: frozenset[str] = getattr(accepted, "__required_keys__", frozenset())
    for name in fields:
        if name in required and name not in given:
            param = _join(path, name)
            raise InvalidParameterError(
                f"Missing required param: {param}.", code="parameter_missing", param=param
            )
    return {name: _check(value, fields[name], _join(path, name)) for name, value in given.items()}


def _refuse_unknown(names: list[str]) -> None:
    if names:
        noun = "parameter" if len(names) == 1 else "parameters"
        message = f"Received unknown {noun}: {', '.join(names)}"
        raise InvalidParameterError(message, code="parameter_unknown", param=names[0])


def _join(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def _check(value: Any, hint: Any, path: str) -> Any:
    """Check one value against one type, whatever kind of type it is."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _check_union(value, get_args(hint), path)
    if origin in (list, dict, Literal):
        return _GENERICS[origin](value, get_args(hint), path)
    if is_typeddict(hint):
        return _check_group(value, hint, path)
    return _check_scalar(value, hint, path)


def _check_union(value: Any, choices: tuple[Any, ...], path: str) -> Any:
    """Of several types, the one that a value of this form can be. `Literal[…]|str` is an enumeration."""
    # UntypedStripeObject only doubles the Dict beside it, for the type checker.
    choices = tuple(choice for choice in choices if get_origin(choice) is not UntypedStripeObject)
    if value == "" and any("" in get_args(choice) for choice in choices if get_origin(choice) is Literal):
        return ""
    allowed = _collect_allowed(choices)
    groups = [choice for choice in choices if _is_group(choice)]
    plain = [choice for choice in choices if not _is_group(choice) and get_origin(choice) is not Literal]
    if groups and (isinstance(value, dict) or not (plain or allowed)):
        return _check(value, groups[0], path)
    if allowed:
        return _check_enumeration(value, allowed, path)
    return _check(value, plain[0], path)


def _collect_allowed(choices: tuple[Any, ...]) -> tuple[Any, ...]:
    literals = [choice for choice in choices if get_origin(choice) is Literal]
    return tuple(value for literal in literals for value in get_args(literal) if value != "")


def _is_group(hint: Any) -> bool:
    """Whether values of this type come as several form fields."""
    return get_origin(hint) in (list, dict) or is_typeddict(hint)


def _check_list(value: Any, arguments: tuple[Any, ...], path: str) -> list[Any]:
    if not isinstance(value, dict):
        raise InvalidParameterError("Invalid array", param=path)
    return [_check(item, arguments[0], f"{path}[{position}]") for position, item in enumerate(value.values())]


def _check_mapping(value: Any, arguments: tuple[Any, ...], path: str) -> dict[str, Any]:
    """Free keys, as in metadata. An empty string is a value here: it removes the key."""
    if not isinstance(value, dict):
        raise InvalidParameterError("Invalid object", param=path)
    return {
        key: item if item == "" else _check(item, arguments[1], _join(path, key))
        for key, item in value.items()
    }


def _check_enumeration(value: Any, allowed: tuple[Any, ...], path: str) -> Any:
    if value not in allowed:
        names = [str(name) for name in allowed]
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])}, or {names[-1]}"
        raise InvalidParameterError(f"Invalid {path}: must be one of {listed}", param=path)
    return value


_GENERICS: dict[Any, Callable[[Any, tuple[Any, ...], str], Any]] = {
    list: _check_list,
    dict: _check_mapping,
    Literal: _check_enumeration,
}


def _check_scalar(value: Any, hint: Any, path: str) -> Any:
    if not isinstance(value, str):
        raise InvalidParameterError(f"Invalid {_NAMES.get(hint, 'string')}", param=path)
    if value == "":
        raise InvalidParameterError(
            f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter;"
            f" however '{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty"
            " value.",
            code="parameter_invalid_empty",
            param=path,
        )
    return _CONVERTERS.get(hint, _keep_string)(value, path)


def _keep_string(value: str, path: str) -> str:
    require_length(value, path)
    return value


def _read_integer(value: str, path: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise InvalidParameterError(
            f"Invalid integer: {value}", code="parameter_invalid_integer", param=path
        ) from None


def _read_boolean(value: str, path: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise InvalidParameterError(f"Invalid boolean: {value}", param=path)
    return value.lower() == "true"


def _read_decimal(value: str, path: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise InvalidParameterError(f"Invalid decimal: {value}", param=path)
    return number


def _read_float(value: str, path: str) -> float:
    return float(_read_decimal(value, path))


_NAMES = {int: "integer", bool: "boolean", Decimal: "decimal", float: "float"}
_CONVERTERS: dict[Any, Callable[[str, str], Any]] = {
    int: _read_integer,
    bool: _read_boolean,
    Decimal: _read_decimal,
    float: _read_float,
}
