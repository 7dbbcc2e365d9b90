"""Turn JSON requests into checked function calls, and results or errors into JSON."""

import json
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Annotated, Any

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from sandbox.models import Record
from sandbox.payments.states import WrongStateError
from sandbox.shapes import Json

Control = Callable[..., Json]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Currency = Annotated[str, msgspec.Meta(pattern="^[a-z]{3}$")]
Rate = Annotated[float, msgspec.Meta(gt=0)]


class ControlError(Exception):
    """Refuse a request to the controls. The caller gets the message."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def control(**by_method: Control) -> Callable[..., HttpResponse]:
    """Make a view that calls the function for the request's method.

    The JSON body, or the query of a GET, becomes its keyword-only arguments, checked against their types; the ids in
    the path become the others. A function with an argument `body` gets the raw body, and the query as the rest.
    An unknown object is answered with 404, one in the wrong state with 409.
    """

    @csrf_exempt
    def view(http: HttpRequest, **path_ids: str) -> HttpResponse:
        function = by_method.get(http.method or "")
        if function is None:
            return _refuse(f"use {' or '.join(by_method)} here", 405)
        try:
            answer = function(**path_ids, **_read_arguments(http, function))
        except ControlError as error:
            return _refuse(str(error), error.status)
        except Record.DoesNotExist as error:
            return _refuse(str(error), 404)
        except WrongStateError as error:
            return _refuse(str(error), 409)
        return JsonResponse(answer, json_dumps_params={"indent": 2})

    return view


def _read_arguments(http: HttpRequest, function: Control) -> Json:
    parameters = signature(function).parameters
    types = {
        name: parameter.annotation
        for name, parameter in parameters.items()
        if parameter.kind is Parameter.KEYWORD_ONLY
    }
    given = http.GET.dict() if http.method == "GET" or "body" in parameters else _read_json(http.body)
    if unknown := given.keys() - types.keys():
        raise ControlError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(types)}")
    if missing := [
        name for name in types if name not in given and parameters[name].default is Parameter.empty
    ]:
        raise ControlError(f"missing: {', '.join(missing)}")
    arguments = {name: _convert(name, value, types[name]) for name, value in given.items()}
    return {**arguments, "body": http.body} if "body" in parameters else arguments


def _convert(name: str, value: Any, expected: Any) -> Any:
    try:
        return msgspec.convert(value, expected)
    except msgspec.ValidationError as error:
        raise ControlError(f"{name}: {error}") from None


def _read_json(body: bytes) -> Json:
    """Return the JSON object in a body; an empty body is an empty object."""
    try:
        given: Any = json.loads(body or b"{}")
        json.dumps(given, allow_nan=False)
    except ValueError:
        raise ControlError("the body isn't JSON, or contains a number that JSON doesn't have") from None
    if not isinstance(given, dict):
        raise ControlError("the body must be a JSON object")
    return given


def _refuse(message: str, status: int) -> HttpResponse:
    return JsonResponse({"error": message}, status=status)
