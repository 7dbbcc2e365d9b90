"""Events, to read: what a webhook missed can be fetched."""

from typing import Any

from stripe.params._event_list_params import EventListParams
from stripe.params._event_retrieve_params import EventRetrieveParams

from sandbox.shapes import Json
from sandbox.stripe_api.errors import InvalidParameterError
from sandbox.stripe_api.fields import find_in_path
from sandbox.stripe_api.lists import list_page
from sandbox.stripe_api.routing import Call, route


@route("GET", "/v1/events", EventListParams)
def list_all(call: Call) -> Json:
    return list_page(call, "event", **_choose_types(call.params))


def _choose_types(params: dict[str, Any]) -> dict[str, Any]:
    """By `type`, where ``checkout.session.*`` stands for all of a kind, or by `types`."""
    if "type" in params and "types" in params:
        raise InvalidParameterError("You may only specify one of these parameters: type, types.")
    if "types" in params:
        return {"data__type__in": params["types"]}
    wanted: str = params.get("type", "*")
    if wanted.endswith("*"):
        return {"data__type__startswith": wanted[:-1]} if wanted != "*" else {}
    return {"data__type": wanted}


@route("GET", "/v1/events/{id}", EventRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(find_in_path("event", call.ids["id"]).data)
