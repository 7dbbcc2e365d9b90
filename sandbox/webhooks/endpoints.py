"""Who is told of events: the endpoint named on the command line and those made through the API."""

import stripe

from sandbox import store
from sandbox.models import Record
from sandbox.options import get_options
from sandbox.shapes import make_object

COMMAND_LINE_ID = "we_1SandboxCommandLineWebhook"


def ensure_command_line_endpoint() -> None:
    """Make the endpoint of this run's command line the one there is; after a start and after a reset."""
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
    """The enabled endpoints that want events of this type."""
    endpoints = store.list_records("webhook_endpoint").filter(data__status="enabled").order_by("seq")
    return [endpoint for endpoint in endpoints if _wants(endpoint.data["enabled_events"], event_type)]


def _wants(enabled_events: list[str], event_type: str) -> bool:
    return "*" in enabled_events or event_type in enabled_events


def find_endpoint(endpoint_id: str | None) -> Record | None:
    """Find an endpoint; without an id the command line's, or else the one made last."""
    endpoints = store.list_records("webhook_endpoint")
    if endpoint_id is not None:
        return endpoints.filter(id=endpoint_id).first()
    return endpoints.filter(id=COMMAND_LINE_ID).first() or endpoints.first()


def find_secret(endpoint_id: str) -> str | None:
    """What to sign with for this endpoint; None when it has been deleted since."""
    record = Record.objects.filter(id=endpoint_id, deleted=False).first()
    return record.private["secret"] if record else None
