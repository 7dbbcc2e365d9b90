"""Reports of errors to Sentry, without what they must not carry."""

from __future__ import annotations

from typing import Any

import sentry_sdk


def report_errors_to(dsn: str) -> None:
    """Sends unhandled errors to Sentry: no user, no body, no local variables, no query."""
    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        before_send=without_query,
    )


def without_query(event: Any, hint: Any = None) -> Any:
    """Takes the query out of a report: the sign-in's callback has its code there, the success page a session's id."""
    request = event.get("request", {})
    request.pop("query_string", None)
    if "url" in request:
        request["url"] = request["url"].partition("?")[0]
    return event
