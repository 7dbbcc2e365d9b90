"""Check a request against the parameter types that stripe-python generates from Stripe's specification.

Forms carry only strings, so one walk over the type both checks and converts. A schema library wouldn't do: refusals
must have Stripe's parameter names, codes and messages.
"""

import re
import types
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import get_type_hints, is_typeddict

from sandbox.stripe_api.errors import InvalidParameterError, MissingParameterError

# Among the parameters in stripe-python's types, but really headers or settings of its client.
_CLIENT_OPTIONS = frozenset(RequestOptions.__annotations__)
# Imported by those types for the type checker only.
_UNIMPORTED = {"StripeContext": object, "Mapping": Mapping}

# Stripe's specification has a `maxLength` for each string, most often 5000.
_LONGEST = 5000
_LIMITS = {
    "client_reference_id": 200,
    "customer_email": 800,
    "description": 40_000,
    "email": 512,
    "lookup_key": 200,
    "message": 1200,  # of custom_text
    "phone": 20,
    "statement_descriptor": 22,
    "statement_descriptor_suffix": 22,
    "unit_label": 12,
}
_LAST_NAME = re.compile(r"(\w+)\]?(?:\[\d+\])?$")


def check_parameters(given: dict[str, Any], accepted: type) -> dict[str, Any]:
    """Return the parameters converted to their types. Raises InvalidParameterError for the first invalid one.

    An empty string stays "" where Stripe takes it as "unset this"; a Decimal stays a Decimal.
    """
    return _check_group(given, accepted, "")


@cache
def _read_fields(accepted: type) -> dict[str, Any]:
    hints = get_type_hints(accepted, localns=_UNIMPORTED)
    return {name: hint for name, hint in hints.items() if name not in _CLIENT_OPTIONS}


def list_choices(accepted: type, name: str) -> tuple[Any, ...]:
    """Return the values of an enumerated parameter."""
    return _collect_allowed((_read_fields(accepted)[name], *get_args(_read_fields(accepted)[name])))


def _check_group(given: Any, accepted: type, path: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InvalidParameterError("Invalid object", param=path or None)
    fields = _read_fields(accepted)
    unknown = [_join(path, name) for name in given if name not in fields]
    if unknown:
        noun = "parameter" if len(unknown) == 1 else "parameters"
        message = f"Received unknown {noun}: {', '.join(unknown)}"
        raise InvalidParameterError(message, code="parameter_unknown", param=unknown[0])
    required: frozenset[str] = getattr(accepted, "__required_keys__", frozenset())
    for name in fields:
        if name in required and name not in given:
            raise MissingParameterError(_join(path, name))
    return {name: _check(value, fields[name], _join(path, name)) for name, value in given.items()}


def _join(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def _check(value: Any, hint: Any, path: str) -> Any:
    """Check one value against a type of any kind."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _check_union(value, get_args(hint), path)
    if origin in (list, dict, Literal):
        return _GENERICS[origin](value, get_args(hint), path)
    if is_typeddict(hint):
        return _check_group(value, hint, path)
    return _check_scalar(value, hint, path)


def _check_union(value: Any, choices: tuple[Any, ...], path: str) -> Any:
    """Check against the one of several types that fits the value's form. `Literal[…]|str` is an enumeration."""
    # UntypedStripeObject only repeats the Dict beside it, for the type checker.
    choices = tuple(choice for choice in choices if get_origin(choice) is not UntypedStripeObject)
    if value == "" and any("" in get_args(choice) for choice in choices if get_origin(choice) is Literal):
        return ""
    allowed = _collect_allowed(choices)
    groups = [choice for choice in choices if _is_group(choice)]
    plain = [choice for choice in choices if not _is_group(choice) and get_origin(choice) is not Literal]
    if groups and (isinstance(value, dict) or not (plain or allowed)):
        return _check(value, groups[0], path)
    if bool in plain and value in ("true", "false"):
        return _check(value, bool, path)
    if int in plain and isinstance(value, str) and value.isdecimal():
        return _check(value, int, path)
    if allowed:
        return _check_enumeration(value, allowed, path)
    return _check(value, plain[0], path)


def _collect_allowed(choices: tuple[Any, ...]) -> tuple[Any, ...]:
    literals = [choice for choice in choices if get_origin(choice) is Literal]
    return tuple(value for literal in literals for value in get_args(literal) if value != "")


def _is_group(hint: Any) -> bool:
    """Tell whether values of this type consist of several form fields."""
    return get_origin(hint) in (list, dict) or is_typeddict(hint)


def _check_list(value: Any, arguments: tuple[Any, ...], path: str) -> list[Any]:
    if not isinstance(value, dict):
        raise InvalidParameterError("Invalid array", param=path)
    return [_check(item, arguments[0], f"{path}[{position}]") for position, item in enumerate(value.values())]


def _check_mapping(value: Any, arguments: tuple[Any, ...], path: str) -> dict[str, Any]:
    """Check a group with free keys, such as metadata. Here an empty string is a value: it removes the key."""
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
    name, convert = _SCALARS.get(hint, ("string", str))
    if not isinstance(value, str):
        raise InvalidParameterError(f"Invalid {name}", param=path)
    if value == "":
        raise InvalidParameterError(
            f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter;"
            f" however '{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty"
            " value.",
            code="parameter_invalid_empty",
            param=path,
        )
    if convert is str:
        _require_length(value, path)
    try:
        return convert(value)
    except ValueError:
        code = "parameter_invalid_integer" if hint is int else None
        raise InvalidParameterError(f"Invalid {name}: {value}", code=code, param=path) from None


def _require_length(value: str, path: str) -> None:
    """Raise InvalidParameterError for a string that is too long."""
    match = _LAST_NAME.search(path)
    if match is None or "metadata[" in path:  # metadata has limits of its own
        return
    name = match[1]
    longest = _LIMITS.get(name, _LONGEST)
    if len(value) <= longest:
        return
    if name.startswith("statement_descriptor"):
        limit = f"The statement descriptor must be at most {longest} characters."
        message = f"{limit} {value} is {len(value)} characters long."
    elif name.endswith("url"):
        message = f"Invalid URL: URL must be {longest} characters or less."
    else:
        message = f"Invalid string: {value[:10]}...{value[-10:]}; must be at most {longest} characters"
    raise InvalidParameterError(message, param=path)


def _read_boolean(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise ValueError
    return value.lower() == "true"


def _read_decimal(value: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError from None
    if not number.is_finite():
        raise ValueError
    return number


_SCALARS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    int: ("integer", int),
    bool: ("boolean", _read_boolean),
    Decimal: ("decimal", _read_decimal),
    float: ("decimal", lambda value: float(_read_decimal(value))),
}
