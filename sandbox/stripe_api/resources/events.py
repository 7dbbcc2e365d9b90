"""Read events."""

from sandbox.shapes import Json
from sandbox.stripe_api.errors import InvalidParameterError
from sandbox.stripe_api.lists import serve_reading


def _choose_types(params: Json) -> Json:
    """Filter by `types` or by `type`, in which ``checkout.session.*`` stands for all that begin like this."""
    if "type" in params and "types" in params:
        raise InvalidParameterError("You may only specify one of these parameters: type, types.")
    if "types" in params:
        return {"data__type__in": params["types"]}
    wanted: str = params.get("type", "*")
    return {"data__type__startswith": wanted[:-1]} if wanted.endswith("*") else {"data__type": wanted}


serve_reading("event", choose=_choose_types)
