"""Report errors to Sentry without confidential data."""

from __future__ import annotations

from typing import Any

import sentry_sdk


def report_errors_to(dsn: str) -> None:
    """Send unhandled errors to Sentry: no user, body, local variables or query."""
    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        before_send=without_query,
    )


def without_query(event: Any, hint: Any = None) -> Any:
    """Remove the query from a report: it has the sign-in callback's code, or the success page's session id."""
    request = event.get("request", {})
    request.pop("query_string", None)
    if "url" in request:
        request["url"] = request["url"].partition("?")[0]
    return event
