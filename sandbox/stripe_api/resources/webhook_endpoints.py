"""Webhook endpoints: who is told of events. The signing secret is shown once, when the endpoint is made."""

from typing import Any

import stripe
from stripe.params._webhook_endpoint_create_params import WebhookEndpointCreateParams
from stripe.params._webhook_endpoint_delete_params import WebhookEndpointDeleteParams
from stripe.params._webhook_endpoint_list_params import WebhookEndpointListParams
from stripe.params._webhook_endpoint_retrieve_params import WebhookEndpointRetrieveParams
from stripe.params._webhook_endpoint_update_params import WebhookEndpointUpdateParams

from sandbox import ids, store
from sandbox.shapes import Json, make_object
from sandbox.stripe_api.errors import InvalidParameterError
from sandbox.stripe_api.fields import find_undeleted, mark_deleted, pick_fields
from sandbox.stripe_api.lists import list_page
from sandbox.stripe_api.metadata import merge_metadata
from sandbox.stripe_api.routing import Call, route

_FIELDS = ("description", "enabled_events", "url")
_TYPE = "webhook_endpoint"


@route("POST", "/v1/webhook_endpoints", WebhookEndpointCreateParams)
def create(call: Call) -> Json:
    _require_url(call.params)
    secret = f"whsec_{ids.make_token(32)}"
    endpoint = make_object(_TYPE, **pick_fields(call.params, *_FIELDS))
    endpoint["api_version"] = call.params.get("api_version", stripe.api_version)
    endpoint["metadata"] = merge_metadata({}, call.params.get("metadata"))
    record = store.add_object(endpoint, private={"secret": secret})
    return {**record.data, "secret": secret}


def _require_url(params: dict[str, Any]) -> None:
    if "url" in params and not params["url"].startswith(("http://", "https://")):
        raise InvalidParameterError(
            "Invalid URL: An explicit scheme (such as https) must be provided.", param="url"
        )


@route("GET", "/v1/webhook_endpoints", WebhookEndpointListParams)
def list_all(call: Call) -> Json:
    return list_page(call, _TYPE)


@route("GET", "/v1/webhook_endpoints/{webhook_endpoint}", WebhookEndpointRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(find_undeleted(_TYPE, call.ids["webhook_endpoint"], "webhook_endpoint").data)


@route("POST", "/v1/webhook_endpoints/{webhook_endpoint}", WebhookEndpointUpdateParams)
def update(call: Call) -> Json:
    record = find_undeleted(_TYPE, call.ids["webhook_endpoint"], "webhook_endpoint")
    _require_url(call.params)
    fields = pick_fields(call.params, *_FIELDS)
    if "disabled" in call.params:
        fields["status"] = "disabled" if call.params["disabled"] else "enabled"
    fields["metadata"] = merge_metadata(record.data["metadata"], call.params.get("metadata"))
    store.change(record, **fields)
    return dict(record.data)


@route("DELETE", "/v1/webhook_endpoints/{webhook_endpoint}", WebhookEndpointDeleteParams)
def delete(call: Call) -> Json:
    return mark_deleted(find_undeleted(_TYPE, call.ids["webhook_endpoint"], "webhook_endpoint"))
