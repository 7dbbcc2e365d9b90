"""Create, read, update and delete webhook endpoints. Only creation shows the signing secret."""

from typing import Any

import stripe
from stripe import params as stripe_params

from sandbox import ids, store
from sandbox.models import Record
from sandbox.shapes import Json, make_object
from sandbox.stripe_api.errors import InvalidParameterError
from sandbox.stripe_api.fields import find_undeleted, mark_deleted, merge_metadata, pick_fields_of
from sandbox.stripe_api.lists import serve_reading
from sandbox.stripe_api.routing import Call, route

_TYPE = "webhook_endpoint"
_PATH = "/v1/webhook_endpoints"
serve_reading(_TYPE, id_param=_TYPE, find=find_undeleted)


@route("POST", _PATH, stripe_params.WebhookEndpointCreateParams)
def create(call: Call) -> Json:
    _require_url(call.params)
    secret = f"whsec_{ids.make_token(32)}"
    fields = {"api_version": stripe.api_version, **pick_fields_of(_TYPE, call.params)}
    endpoint = make_object(_TYPE, **fields, metadata=merge_metadata({}, call.params.get("metadata")))
    record = store.add_object(endpoint, private={"secret": secret})
    return {**record.data, "secret": secret}


def _require_url(params: dict[str, Any]) -> None:
    if "url" in params and not params["url"].startswith(("http://", "https://")):
        raise InvalidParameterError(
            "Invalid URL: An explicit scheme (such as https) must be provided.", param="url"
        )


def _find(call: Call) -> Record:
    return find_undeleted(_TYPE, call.ids["id"], _TYPE)


@route("POST", _PATH + "/{id}", stripe_params.WebhookEndpointUpdateParams)
def update(call: Call) -> Json:
    record = _find(call)
    _require_url(call.params)
    fields = pick_fields_of(_TYPE, call.params)
    if "disabled" in call.params:
        fields["status"] = "disabled" if call.params["disabled"] else "enabled"
    metadata = merge_metadata(record.data["metadata"], call.params.get("metadata"))
    store.change(record, **fields, metadata=metadata)
    return dict(record.data)


@route("DELETE", _PATH + "/{id}", stripe_params.WebhookEndpointDeleteParams)
def delete(call: Call) -> Json:
    return mark_deleted(_find(call))
