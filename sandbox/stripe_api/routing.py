"""Find the function that answers a call, among the routes that the resources declare."""

import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError


@dataclass(frozen=True)
class Call:
    """Hold a checked request. `masked_key` is the caller's API key, masked."""

    path: str
    ids: dict[str, str]
    params: dict[str, Any]
    masked_key: str


Answerer = Callable[[Call], Json]


@dataclass(frozen=True)
class Route:
    """Map a method and a path such as ``/v1/products/{id}`` to a function and its parameters."""

    method: str
    pattern: re.Pattern[str]
    accepts: type
    answer: Answerer


_routes: list[Route] = []


def route(method: str, path: str, accepts: type) -> Callable[[Answerer], Answerer]:
    """Declare a function as the answer to a route. `accepts` is stripe-python's type of its parameters."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "$")

    def declare(answer: Answerer) -> Answerer:
        _routes.append(Route(method, pattern, accepts, answer))
        return answer

    return declare


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the first route that matches, and the ids in the path. Raises ApiError (404)."""
    load_resources()
    for candidate in _routes:
        match = candidate.pattern.match(path)
        if match and candidate.method == method:
            return candidate, match.groupdict()
    raise ApiError(
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs"
        " or we can help at https://support.stripe.com/.",
        status=404,
        saved=False,
    )


@cache
def load_resources() -> None:
    """Import every module in resources/."""
    package = import_module("sandbox.stripe_api.resources")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
