"""Find the endpoints for events: the command line's, and those created through the API."""

import stripe

from sandbox import store
from sandbox.models import Record
from sandbox.options import get_options
from sandbox.shapes import make_object

COMMAND_LINE_ID = "we_1SandboxCommandLineWebhook"


def ensure_command_line_endpoint() -> None:
    """Store the endpoint of the current command line, after a start or a reset."""
    options = get_options()
    with store.writing():
        Record.objects.filter(id=COMMAND_LINE_ID).delete()
        if options.webhook_url and options.webhook_secret:
            endpoint = make_object(
                "webhook_endpoint",
                id=COMMAND_LINE_ID,
                url=options.webhook_url,
                enabled_events=list(options.webhook_events),
                description="Given on the command line",
                api_version=stripe.api_version,
            )
            store.add_object(endpoint, private={"secret": options.webhook_secret})


def list_interested(event_type: str) -> list[Record]:
    """List the enabled endpoints that want events of this type, oldest first."""
    endpoints = store.list_records("webhook_endpoint").filter(data__status="enabled").order_by("seq")
    return [
        endpoint for endpoint in endpoints if {"*", event_type}.intersection(endpoint.data["enabled_events"])
    ]


def find_endpoint(endpoint_id: str | None) -> Record | None:
    """Find an endpoint; without an id, the command line's or else the newest."""
    endpoints = store.list_records("webhook_endpoint")
    if endpoint_id is not None:
        return endpoints.filter(id=endpoint_id).first()
    return endpoints.filter(id=COMMAND_LINE_ID).first() or endpoints.first()
