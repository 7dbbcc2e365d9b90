"""Watch our webhook endpoint at Stripe: it can be disabled there, deleted, or replaced by one of another version."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from django.conf import settings
from prometheus_client.core import GaugeMetricFamily

from billing.provider.errors import StripeRefused, StripeUnavailable
from billing.setup.webhook_endpoint import WebhookEndpoint, is_our_address, list_endpoints
from billing.setup.webhook_events import missing_events
from core.monitoring.health import register_check
from core.monitoring.last_runs import last_runs, note_run
from core.monitoring.models import LastRun
from core.monitoring.readings import gauge, labelled, register_reader

log = structlog.get_logger(__name__)

ENDPOINT = "webhook_endpoint"
# What can be wrong, in short codes, and in words; the worst first.
PROBLEMS = {
    "missing": "Stripe has no webhook endpoint with our URL",
    "disabled": "the webhook endpoint is disabled at Stripe",
    "api_version": "the webhook endpoint has another API version",
    "events": "the webhook endpoint doesn't send all events that we need",
    "unreadable": "the key may not read webhook endpoints",
}


def register() -> None:
    """Have the last look read at each scrape, and at a look at the site's health."""
    register_reader("webhook_endpoint", _read)
    register_check("webhook_endpoint", _problem)


def look_at_endpoint() -> list[str]:
    """Ask Stripe about our endpoint, record what is wrong and return it, as keys of `PROBLEMS`.

    If Stripe doesn't answer, nothing is recorded: the next look will.
    """
    try:
        problems = problems_of([each for each in list_endpoints() if is_our_address(each.url)])
    except StripeUnavailable:
        return []
    except StripeRefused:
        problems = ["unreadable"]
    if problems:
        log.error("webhook_endpoint_wrong", problems=problems)
    note_run(ENDPOINT, " ".join(problems))
    return problems


def problems_of(endpoints: list[WebhookEndpoint]) -> list[str]:
    """Return what is wrong with the endpoints at our address. One that is right is enough; else the best one counts."""
    if not endpoints:
        return ["missing"]
    return min((_problems_of_one(endpoint) for endpoint in endpoints), key=_badness)


def _badness(problems: list[str]) -> tuple[int, int]:
    worst_last = list(reversed(PROBLEMS))
    return max((worst_last.index(problem) for problem in problems), default=-1), len(problems)


def _problems_of_one(endpoint: WebhookEndpoint) -> list[str]:
    wrong = {
        "disabled": endpoint.status != "enabled",
        "api_version": endpoint.api_version != settings.STRIPE_API_VERSION,
        "events": bool(missing_events(endpoint.events)),
    }
    return [problem for problem, is_so in wrong.items() if is_so]


def _last() -> LastRun | None:
    return last_runs([ENDPOINT]).get(ENDPOINT)


def _last_problems() -> list[str]:
    last = _last()
    return last.problems.split() if last else []


def _read() -> Iterator[GaugeMetricFamily]:
    last, problems = _last(), _last_problems()
    yield labelled(
        "credits_webhook_endpoint_problem",
        "Whether this was wrong with the webhook endpoint at Stripe when it was last looked at.",
        "problem",
        ((problem, float(problem in problems)) for problem in PROBLEMS),
    )
    yield gauge(
        "credits_webhook_endpoint_checked_timestamp_seconds",
        "When Stripe was last asked about the webhook endpoint; if never, since when it should be; 0 if no worker ran.",
        (last.ran_at or last.first_seen_at).timestamp() if last else 0.0,
    )


def _problem() -> str:
    return ", ".join(PROBLEMS.get(problem, problem) for problem in _last_problems())
