"""Which function answers which call. Resources declare their routes; this finds them."""

import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from sandbox.shapes import Json
from sandbox.stripe_api.errors import NoSuchRouteError


@dataclass(frozen=True)
class Call:
    """A checked request on its way to a resource. `base_url` is the address the caller used for us, `masked_key` who
    asks, as Stripe writes keys in messages.
    """

    path: str
    ids: dict[str, str]
    params: dict[str, Any]
    base_url: str
    masked_key: str


Answerer = Callable[[Call], Json]


@dataclass(frozen=True)
class Route:
    """A method and a path such as ``/v1/products/{id}``, what it accepts and who answers."""

    method: str
    pattern: re.Pattern[str]
    accepts: type
    answer: Answerer


_routes: list[Route] = []


def route(method: str, path: str, accepts: type) -> Callable[[Answerer], Answerer]:
    """Declare a function to be the answer to a route. `accepts` is stripe-python's type of its parameters."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "$")

    def declare(answer: Answerer) -> Answerer:
        _routes.append(Route(method, pattern, accepts, answer))
        return answer

    return declare


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route and the ids in the path. Raises NoSuchRouteError. What is declared first wins."""
    load_resources()
    for candidate in _routes:
        match = candidate.pattern.match(path)
        if match and candidate.method == method:
            return candidate, match.groupdict()
    raise NoSuchRouteError(method, path)


@cache
def load_resources() -> None:
    """Import every file in resources/: adding a resource is adding a file."""
    package = import_module("sandbox.stripe_api.resources")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
