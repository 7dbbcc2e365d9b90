"""Read events."""

from typing import Any

from stripe import params as stripe_params

from sandbox.shapes import Json
from sandbox.stripe_api.errors import InvalidParameterError
from sandbox.stripe_api.fields import find_in_path
from sandbox.stripe_api.lists import list_page
from sandbox.stripe_api.routing import Call, route


@route("GET", "/v1/events", stripe_params.EventListParams)
def list_all(call: Call) -> Json:
    return list_page(call, "event", **_choose_types(call.params))


def _choose_types(params: dict[str, Any]) -> dict[str, Any]:
    """Filter by `types` or by `type`, in which ``checkout.session.*`` stands for all that begin like this."""
    if "type" in params and "types" in params:
        raise InvalidParameterError("You may only specify one of these parameters: type, types.")
    if "types" in params:
        return {"data__type__in": params["types"]}
    wanted: str = params.get("type", "*")
    return {"data__type__startswith": wanted[:-1]} if wanted.endswith("*") else {"data__type": wanted}


@route("GET", "/v1/events/{id}", stripe_params.EventRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(find_in_path("event", call.ids["id"]).data)
