"""Call Stripe: the client, its errors as ours, and paged lists. `billing.stripe.gateway` has the calls."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import stripe
import structlog
from django.conf import settings

from billing.provider.errors import (
    CardDeclined,
    EmailRefused,
    MalformedStripeObject,
    StripeCallUnderWay,
    StripeRefused,
    StripeUnavailable,
)
from billing.provider.interface import ListPage
from billing.stripe.bulkhead import place
from billing.stripe.counting import counting_call
from core.tracing.spans import Kind, span

log = structlog.get_logger(__name__)

# The most that Stripe allows.
LIST_PAGE = 100
# Of Stripe's message when it refuses a request.
LONGEST_MESSAGE = 500
ADDRESS = re.compile(r"[^\s@'\"<>]+@[^\s@'\"<>]+")
# A part of a path that isn't a word of Stripe's API, such as payment_intents, but an object's id.
OBJECT_ID = re.compile(r"/(?!v\d/)[^/]*[^a-z_/][^/]*")
STARS = re.compile(r"\*{5,}")
PERMISSION = re.compile(r"rak_\w+")

T = TypeVar("T")


def client(hurried: bool = False) -> stripe.StripeClient:
    """Return Stripe's client; a ``hurried`` one times out early and doesn't retry, for users who can reload."""
    return _client_for(
        settings.STRIPE_SECRET_KEY,
        settings.STRIPE_API_BASE,
        settings.STRIPE_API_VERSION,
        0 if hurried else settings.STRIPE_MAX_NETWORK_RETRIES,
        settings.STRIPE_LOOK_TIMEOUT_SECONDS if hurried else settings.STRIPE_TIMEOUT_SECONDS,
    )


@functools.lru_cache(maxsize=4)
def _client_for(key: str, base: str, version: str, retries: int, timeout: float) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        stripe_version=version,
        max_network_retries=retries,
        http_client=_http_client(timeout),
    )


@functools.lru_cache(maxsize=4)
def _http_client(timeout: float) -> stripe.RequestsClient:
    return WatchedClient(timeout=timeout)


class WatchedClient(stripe.RequestsClient):
    """Stripe's HTTP client, with each attempt counted and in a span; ours and dj-stripe's calls pass here.

    The span has no query, no id and no parameter, and Stripe gets no trace.
    """

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **others: Any) -> Any:
        call = functools.partial(super().request, method, url, headers, post_data, **others)
        place = urlsplit(url)
        name = f"{method.upper()} {OBJECT_ID.sub('/{id}', place.path)}"
        attributes = {"http.request.method": method.upper(), "server.address": place.hostname or ""}
        with span(name, Kind.CLIENT, attributes) as step:
            answer = counting_call(method, url, call)
            step.note(
                http__response__status_code=answer[1], stripe__request_id=answer[2].get("Request-Id", "")
            )
            if answer[1] >= 400:
                step.fail(str(answer[1]))
        return answer


def configure_module_client() -> None:
    """Configure stripe's module-level client, which dj-stripe uses, like our own."""
    stripe.api_key = settings.STRIPE_SECRET_KEY
    stripe.api_base = settings.STRIPE_API_BASE
    stripe.api_version = settings.STRIPE_API_VERSION
    stripe.max_network_retries = settings.STRIPE_MAX_NETWORK_RETRIES
    stripe.default_http_client = _http_client(settings.STRIPE_TIMEOUT_SECONDS)


def call(operation: Callable[[], stripe.StripeObject]) -> Mapping[str, Any]:
    """Return the response to one call as plain data, holding one of the web's places.

    Raises:
        StripeBusy: no place.
        StripeUnavailable, StripeRefused: no answer.
    """
    with place(), stripe_errors_as_ours():
        data: Mapping[str, Any] = operation().to_dict()
    return data


def ask(operation: Callable[[Any], Any]) -> Mapping[str, Any]:
    """Return the response to a call made on stripe's client (``client.v1``).

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    return call(lambda: operation(client().v1))


def missing_permission(operation: Callable[[Any], Any]) -> str:
    """Return the permission that the key lacks for a call, such as ``rak_charge_write``; empty if none. A write is
    tested on an id that doesn't exist, so that nothing changes.

    Raises:
        StripeUnavailable, StripeRefused: no answer, or an invalid key.
    """
    with stripe_errors_as_ours():
        try:
            operation(client().v1)
        except stripe.PermissionError as error:
            said = error.user_message or ""
            named = PERMISSION.search(said)
            return named[0] if named else said
        except stripe.InvalidRequestError:
            return ""  # past the permission check
    return ""


@contextmanager
def stripe_errors_as_ours() -> Iterator[None]:
    """Turn Stripe's exceptions into `StripeUnavailable` and `StripeRefused`, without secrets and email addresses."""
    try:
        yield
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise _unavailable(error) from error
    except stripe.StripeError as error:
        if (error.http_status or 500) >= 500 or error.http_status == 409:
            raise _unavailable(error) from error
        raise _refused(error) from error


def _unavailable(error: stripe.StripeError) -> StripeUnavailable:
    if error.http_status == 409:
        return StripeCallUnderWay("The same request is still in progress. Please try again in a moment.")
    log.warning("stripe_unavailable", status=error.http_status, code=error.code, request_id=error.request_id)
    return StripeUnavailable("Stripe can't be reached at the moment. Please try again in a few minutes.")


def _refused(error: stripe.StripeError) -> StripeRefused:
    said: Any = error.error  # stripe-python copies it to the exception for some types only
    details = {
        "stripe_code": getattr(said, "code", None) or error.code or "",
        "stripe_message": _fit_to_be_read(error.user_message or ""),
        "stripe_param": getattr(said, "param", None) or "",
        "request_id": error.request_id or "",
    }
    if details["stripe_code"] == "email_invalid":
        # Not logged, as its message is the address; the caller logs the user's id.
        return EmailRefused("Stripe refused the email address.", **details)
    if isinstance(error, stripe.CardError) and getattr(said, "payment_intent", None):
        declined = CardDeclined("The card was declined.", **details)
        declined.payment_intent = said.payment_intent.to_dict()
        return declined
    if isinstance(error, stripe.CardError):
        return CardDeclined("The card was declined.", **details)
    log.error("stripe_refused", status=error.http_status, **details)
    return StripeRefused("Stripe refused the request.", **details)


def _fit_to_be_read(text: str) -> str:
    """Mask what Stripe quotes and no log should hold: email addresses, and the stars of a shortened key."""
    return STARS.sub("****", ADDRESS.sub("…@…", text))[:LONGEST_MESSAGE]


def pages(fetch: Callable[..., Any], params: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield each object of a list, fetching a page at a time (https://docs.stripe.com/api/pagination)."""
    after: dict[str, str] = {}
    while True:
        page = call(functools.partial(fetch, {**params, **after}))
        yield from page["data"]
        if not page["has_more"]:
            return
        after = {"starting_after": page["data"][-1]["id"]}


def page_of(
    fetch: Callable[..., Any], params: dict[str, Any], after: str, read: Callable[[Mapping[str, Any]], T]
) -> ListPage[T]:
    """Return the page of a list that follows the object ``after``, with each object read."""
    cursor = {"starting_after": after} if after else {}
    page = call(functools.partial(fetch, {**params, **cursor}))
    last_id = page["data"][-1]["id"] if page["has_more"] else ""
    listed: ListPage[T] = ListPage([], last_id)
    for data in page["data"]:
        try:
            listed.items.append(read(data))
        except MalformedStripeObject as error:
            listed.unreadable[str(data.get("id"))[:255]] = error.message
    return listed
