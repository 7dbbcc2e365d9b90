"""Check what Stripe needs for this site to sell, each item with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from billing.errors import BillingError
from billing.packages.catalog_sync import check_catalog
from billing.packages.selectors import custom_amounts_on_sale
from billing.setup import webhook_endpoint as stripe_setup
from billing.setup.webhook_endpoint import WebhookEndpoint
from billing.setup.webhook_events import missing_events, superfluous_events
from billing.stripe.client import missing_permission
from billing.stripe.identity import is_live, why_not_this_account
from billing.stripe.portal import find_configuration
from billing.stripe.webhook_addresses import RENEW, SHIPPED, current_list, list_problem, read_list

CREATE = "run check_stripe --create-endpoint and set the secret it prints"
RECREATE = f"An endpoint keeps the version it was created with: delete it in Stripe, then {CREATE}."
ON_ITS_PAGE = "change it on the endpoint's page in Stripe's dashboard (Developers → Webhooks)"


@dataclass(frozen=True)
class Check:
    """A check's result; ``to_do`` is empty if it passed."""

    what: str
    to_do: str = ""

    @property
    def is_right(self) -> bool:
        return not self.to_do


def check_everything() -> Iterator[Check]:
    """Run each check, changing nothing here or at Stripe. One that can't be run counts as failed."""
    for name, look in (
        ("Account", _check_account),
        ("Permissions", _check_permissions),
        ("Webhook endpoint", _check_endpoints),
        ("Webhook addresses", _check_addresses),
        ("Catalogue", _check_catalog),
        ("Customer portal", _check_portal),
    ):
        try:
            yield from look()
        except BillingError as error:
            again = "Run the command again later." if error.passes_by_itself else "Fix that first."
            yield Check(f"{name}: {error.for_staff}", again)


def _check_account() -> Iterator[Check]:
    mode = "live" if is_live() else "test"
    account = stripe_setup.fetch_account()
    wrong = why_not_this_account(account.id)
    yield Check(
        f"Account {account.id}, {mode} mode{f': {wrong}' if wrong else ''}", wrong and "Change the key."
    )
    yield Check(
        f"Account: charges are {'enabled' if account.charges_enabled else 'not enabled'}",
        "" if account.charges_enabled else "Finish the account's activation in Stripe's dashboard.",
    )


def _check_permissions() -> Iterator[Check]:
    for permission in stripe_setup.permissions_needed():
        lacking = missing_permission(permission.probe)
        yield Check(
            f"Permission {permission.name}{f': the key lacks {lacking}' if lacking else ''}",
            lacking and "Grant it in Stripe's dashboard (Developers → API keys).",
        )


def _check_endpoints() -> Iterator[Check]:
    urls = stripe_setup.webhook_urls()
    if is_live() and not settings.SITE_URL.startswith("https://"):
        yield Check(f"SITE_URL is {settings.SITE_URL}", "Live events need https://: change SITE_URL.")
    endpoints = stripe_setup.list_endpoints()
    ours = [endpoint for endpoint in endpoints if stripe_setup.is_our_address(endpoint.url)]
    if not ours:
        others = ", ".join(endpoint.url for endpoint in endpoints) or "none"
        yield Check(
            f"Webhook endpoint: none has the URL {urls[0]}; found: {others}", f"To create it, {CREATE}."
        )
    elif len(ours) > 1:
        ids = ", ".join(endpoint.id for endpoint in ours)
        yield Check(f"Webhook endpoint: {len(ours)} have our URL: {ids}", "Delete all but one in Stripe.")
    for endpoint in ours:
        yield from _check_endpoint(endpoint)


def _check_endpoint(endpoint: WebhookEndpoint) -> Iterator[Check]:
    name = f"Webhook endpoint {endpoint.id}"
    yield Check(f"{name}: URL {endpoint.url}")
    is_enabled, pinned = endpoint.status == "enabled", settings.STRIPE_API_VERSION
    yield Check(f"{name}: {endpoint.status}", "" if is_enabled else f"Enable it: {ON_ITS_PAGE}.")
    version = endpoint.api_version or "the account's default"
    yield Check(
        f"{name}: API version {version}{'' if version == pinned else f', but the site uses {pinned}'}",
        "" if version == pinned else RECREATE,
    )
    if endpoint.livemode != is_live():
        yield Check(f"{name}: not in the key's mode", f"In the key's mode, {CREATE}.")
    for title, events, to_do in (
        ("events missing", missing_events(endpoint.events), "Add them"),
        ("unused events", superfluous_events(endpoint.events), "Remove them"),
    ):
        yield Check(
            f"{name}: {title}: {', '.join(events) or 'none'}", f"{to_do}: {ON_ITS_PAGE}." if events else ""
        )


def _check_addresses() -> Iterator[Check]:
    policy, used, shipped = settings.STRIPE_WEBHOOK_ADDRESSES, current_list(), read_list(SHIPPED)
    source = "the site's own list" if used.is_shipped else str(used.file)
    yield Check(
        f"Webhook addresses: {policy}; {len(used.networks)} in {source}, {used.age_days} days old",
        RENEW if list_problem() else "",
    )
    for title, networks in (
        ("not in the site's own", used.networks - shipped.networks),
        ("only in the site's own", shipped.networks - used.networks),
    ):
        if networks:
            listed = ", ".join(sorted(str(network) for network in networks))
            yield Check(f"Webhook addresses: {title} list of {shipped.dated}: {listed}")


def _check_catalog() -> Iterator[Check]:
    compared = check_catalog()
    if not any(package.is_active for package, _ in compared) and not custom_amounts_on_sale().exists():
        yield Check("Catalogue: nothing is on sale", "Run load_catalog, then sync_catalog.")
        return
    differing = [f"{package.code}: {'; '.join(drift)}" for package, drift in compared if drift]
    for difference in differing:
        yield Check(f"Catalogue: {difference}", "Run sync_catalog.")
    if not differing:
        yield Check(f"Catalogue: {len(compared)} packages match Stripe")


def _check_portal() -> Iterator[Check]:
    portal = find_configuration()
    if portal is None:
        yield Check("Customer portal: not set up", "Run set_up_portal.")
    elif not portal.is_ours:
        yield Check(f"Customer portal: {portal.id}, the account's default")
    else:
        state = "is not as set up" if portal.differs else "is set up"
        yield Check(f"Customer portal: {portal.id} {state}", "Run set_up_portal." if portal.differs else "")
