"""The edge of the controls: JSON to a function and back; ``{"error": …}`` when it can't be done."""

import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from sandbox.shapes import Json

Control = Callable[..., Json]
_address: ContextVar[str] = ContextVar("address", default="")


class ControlError(Exception):
    """An order that can't be carried out. The message goes back to who gave it."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def control(**by_method: Control) -> Callable[..., HttpResponse]:
    """A view that hands the JSON body, and the ids in the path, to the function for the request's method."""

    @csrf_exempt
    def view(http: HttpRequest, **ids: str) -> HttpResponse:
        _address.set(f"{http.scheme}://{http.get_host()}")
        carry_out = by_method.get(http.method or "")
        if carry_out is None:
            return _refuse(f"use {' or '.join(by_method)} here", 405)
        try:
            return JsonResponse(carry_out(_read_order(http), **ids), json_dumps_params={"indent": 2})
        except ControlError as error:
            return _refuse(str(error), error.status)

    return view


def control_of_bytes(carry_out: Callable[[bytes, Json], Json]) -> Callable[[HttpRequest], HttpResponse]:
    """Make a view that hands a POST's raw body to a function, with the query parameters as the order."""

    @csrf_exempt
    def view(http: HttpRequest) -> HttpResponse:
        if http.method != "POST":
            return _refuse("use POST here", 405)
        try:
            order = {name: http.GET[name] for name in http.GET}
            return JsonResponse(carry_out(http.body, order), json_dumps_params={"indent": 2})
        except ControlError as error:
            return _refuse(str(error), error.status)

    return view


def get_address() -> str:
    """Return the address at which the present caller reached the sandbox."""
    return _address.get()


def _read_order(http: HttpRequest) -> Json:
    """The JSON object in the body; an empty body is an empty order. Query parameters count for a GET."""
    if http.method == "GET":
        return {name: http.GET[name] for name in http.GET}
    try:
        order: Any = json.loads(http.body or b"{}")
        json.dumps(order, allow_nan=False)
    except ValueError:
        raise ControlError("the body is not JSON, or has a number in it that JSON doesn't have") from None
    if not isinstance(order, dict):
        raise ControlError("the body must be a JSON object")
    return order


def take(order: Json, /, **defaults: Any) -> list[Any]:
    """The values of an order, in the order of `defaults`. Raises ControlError for anything else in it."""
    unknown = set(order) - set(defaults)
    if unknown:
        raise ControlError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(defaults)}")
    return [order.get(name, default) for name, default in defaults.items()]


def expect(order: Json, /, **kinds: type | tuple[type, ...]) -> None:
    """Raises ControlError unless what is given under these names is of these types. null always passes."""
    for name, kind in kinds.items():
        value = order.get(name)
        if value is not None and not isinstance(value, kind):
            raise ControlError(f"{name} can't be {value!r}")


def _refuse(message: str, status: int) -> HttpResponse:
    return JsonResponse({"error": message}, status=status)
