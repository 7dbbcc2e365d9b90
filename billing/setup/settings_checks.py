"""Check settings that concern money; `billing.apps` refuses to start with any error."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from django.conf import settings

from billing.currencies import SUPPORTED
from billing.stripe.webhook_addresses import PUBLISHED, InvalidAddressList, current_list
from billing.webhooks.senders import LOG, OFF, REFUSE
from credits.amounts import positive_amount
from credits.errors import InvalidAmount

REFERRAL_BOUNDS = {
    "REFERRAL_WAIT_DAYS": (0, 365),
    "REFERRAL_CAP": (1, 1_000_000),
    "REFERRAL_VALID_DAYS": (1, 36_500),
}
SECRET_KEY = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9]{24,}")
WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{24,}")
# Stripe reports what has already happened, so it can't be refused: "block" is no choice here.
AUTOMATIC_POLICIES = ("cap", "debt")
RECEIPT_PREFIX = re.compile(r"[A-Za-z0-9-]{1,20}")
FRONT_END = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[^\s?#\\]*)?")
# Stripe allows 30 minutes to under 24 hours, measured by its clock on arrival: keep a minute's margin.
SHORTEST_CHECKOUT, LONGEST_CHECKOUT = datetime.timedelta(minutes=31), datetime.timedelta(minutes=1439)
PLACEHOLDER = re.compile(r"sandbox|placeholder|changeme|example|x{8,}|(.)\1{9,}", re.IGNORECASE)


def find_configuration_errors() -> Iterator[str]:
    """Yield each configuration error with its remedy, never a secret's value."""
    for name in ("REFUND_POLICY", "DISPUTE_POLICY"):
        if getattr(settings, name) not in AUTOMATIC_POLICIES:
            yield f"{name} must be {' or '.join(AUTOMATIC_POLICIES)}."
    if not SHORTEST_CHECKOUT <= settings.CHECKOUT_SESSION_LIFETIME <= LONGEST_CHECKOUT:
        yield "CHECKOUT_SESSION_MINUTES must be 31 to 1439; Stripe allows 30 minutes to 24 hours."
    yield from _receipt_errors()
    yield from _price_errors()
    yield from _referral_errors()
    yield from _tax_errors()
    yield from _front_end_errors(settings.FRONTEND_URL)
    yield from _sender_errors()
    key: str = settings.STRIPE_SECRET_KEY
    if settings.DEBUG and "_live_" in key:
        yield "STRIPE_SECRET_KEY is a live key, but DEBUG is on. Use a test key, or turn DEBUG off."
    if settings.DEMO:
        if "_live_" in key:
            yield "STRIPE_SECRET_KEY is a live key, but these are demo settings. Use a test key."
        return
    if not SECRET_KEY.fullmatch(key) or PLACEHOLDER.search(key):
        yield "STRIPE_SECRET_KEY is missing or a placeholder. Take it from Stripe's dashboard (sk_test_… or sk_live_…)."
    yield from _webhook_errors(settings.STRIPE_WEBHOOK_SECRETS)


def _receipt_errors() -> Iterator[str]:
    for name in ("RECEIPT_PREFIX", "CREDIT_NOTE_PREFIX"):
        if not RECEIPT_PREFIX.fullmatch(getattr(settings, name)):
            yield f"{name} must be 1 to 20 letters, digits or hyphens: it starts numbers and file names."


def _price_errors() -> Iterator[str]:
    if settings.REPORTING_CURRENCY and settings.REPORTING_CURRENCY not in SUPPORTED:
        yield "REPORTING_CURRENCY must be a currency that Stripe accepts, such as eur, or empty."
    if not 0 <= settings.STRUCK_PRICE_DAYS <= 30:
        yield "STRUCK_PRICE_DAYS must be 0 to 30."


def _referral_errors() -> Iterator[str]:
    try:
        if settings.REFERRAL_REWARD:
            positive_amount(settings.REFERRAL_REWARD)
    except InvalidAmount as error:
        yield f"REFERRAL_REWARD must be credits, or 0 for none. {error.message}"
    for name, (least, most) in REFERRAL_BOUNDS.items():
        if not least <= getattr(settings, name) <= most:
            yield f"{name} must be {least} to {most}."


def _tax_errors() -> Iterator[str]:
    for name, choices in (("TAX", ("off", "stripe")), ("TAX_POINT", ("sale", "spend"))):
        if getattr(settings, name) not in choices:
            yield f"{name} must be {' or '.join(choices)}."
    for currency in settings.TAX_INCLUSIVE_CURRENCIES:
        if currency not in SUPPORTED:
            yield f"TAX_INCLUSIVE_CURRENCIES: {currency} is no currency that Stripe charges in."


def _front_end_errors(url: str) -> Iterator[str]:
    if url and not FRONT_END.fullmatch(url):
        yield "FRONTEND_URL must be a site's URL, such as https://app.example.com."
    elif url.startswith("http:") and settings.SITE_URL.startswith("https:"):
        yield "FRONTEND_URL must use HTTPS like SITE_URL: Stripe sends buyers there."


def _sender_errors() -> Iterator[str]:
    if settings.STRIPE_WEBHOOK_ADDRESSES not in (OFF, LOG, REFUSE):
        yield f"STRIPE_WEBHOOK_ADDRESSES must be {OFF}, {LOG} or {REFUSE}."
    if settings.STRIPE_WEBHOOK_ADDRESS_DAYS < 1:
        yield "STRIPE_WEBHOOK_ADDRESS_DAYS must be 1 or more."
    try:
        current_list()
    except OSError as error:
        yield f"STRIPE_WEBHOOK_ADDRESS_FILE can't be read: {error.strerror}."
    except InvalidAddressList as error:
        yield f"STRIPE_WEBHOOK_ADDRESS_FILE isn't a list as at {PUBLISHED}: {error}."


def _webhook_errors(secrets: list[str]) -> Iterator[str]:
    where = "Take it from the webhook endpoint's page in Stripe's dashboard (whsec_…)."
    if not secrets:
        yield f"STRIPE_WEBHOOK_SECRET_CREDITS and STRIPE_WEBHOOK_SECRET are both empty. {where}"
    for secret in secrets:
        if not WEBHOOK_SECRET.fullmatch(secret) or PLACEHOLDER.search(secret):
            yield f"A webhook secret is a placeholder or not one of Stripe's. {where}"
