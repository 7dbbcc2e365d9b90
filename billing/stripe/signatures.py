"""Verify that a webhook is Stripe's (https://docs.stripe.com/webhooks#verify-manually)."""

from __future__ import annotations

import json

import stripe
import structlog
from django.conf import settings

from billing.provider.errors import MalformedStripeObject, UnreadableEvent, WebhookRefused
from billing.provider.objects import ProviderEvent
from billing.provider.storing import digest, storable
from billing.stripe.objects.events import read_event
from core.json_depth import check_depth

log = structlog.get_logger(__name__)

SIGNATURE_TOLERANCE_SECONDS = 300
# Of a body that isn't an event.
LONGEST_KEPT = 100_000


def verify_event(payload: bytes, signature: str) -> ProviderEvent:
    """Return the event in ``payload``, once its signature is verified with one of the configured secrets.

    Several secrets are accepted so that one can be rotated. The signature may be at most five minutes old
    (https://docs.stripe.com/webhooks#replay-attacks).

    Raises:
        WebhookRefused: the signature is missing, wrong or too old.
        UnreadableEvent: it is signed but not an event; sending it again would not help.
    """
    if not any(_is_signed(payload, signature, secret) for secret in settings.STRIPE_WEBHOOK_SECRETS):
        log.warning("webhook_refused", check=_failed_check(payload, signature))
        raise WebhookRefused("The signature is missing, too old, or doesn't match this endpoint's secret.")
    try:
        check_depth(payload)
        data = json.loads(payload)
    except ValueError as error:
        raise _unreadable(payload, "The body is not JSON.") from error
    if not isinstance(data, dict) or data.get("object") != "event":
        raise _unreadable(payload, "The body is not a Stripe event.")
    try:
        return read_event(data)
    except MalformedStripeObject as error:
        raise _unreadable(payload, error.message) from error


def is_signature(signature: str) -> bool:
    """Return whether this has the form of Stripe's signature header: a time and a signature."""
    return not _missing_part(signature)


def _unreadable(payload: bytes, reason: str) -> UnreadableEvent:
    text = storable(payload[:LONGEST_KEPT].decode("utf-8", "replace"))
    return UnreadableEvent(reason, key=f"unreadable_{digest(payload)}", payload={"text": text})


def _failed_check(payload: bytes, signature: str) -> str:
    """Return the name of the first check that fails with every secret."""
    if missing := _missing_part(signature):
        return missing
    secrets = settings.STRIPE_WEBHOOK_SECRETS
    is_genuine = any(_is_signed(payload, signature, secret, tolerance=None) for secret in secrets)
    return "too_old" if is_genuine else "wrong_signature"


def _missing_part(signature: str) -> str:
    """Return the name of the check that the header fails by its form alone; empty if it has all parts."""
    if not signature:
        return "no_header"
    parts = dict(part.split("=", 1) for part in signature.split(",") if "=" in part)
    if not parts.get("t", "").isdecimal():
        return "no_timestamp"
    return "" if "v1" in parts else "no_signature"


def _is_signed(
    payload: bytes, signature: str, secret: str, tolerance: int | None = SIGNATURE_TOLERANCE_SECONDS
) -> bool:
    if not signature.isascii():  # hmac would raise
        return False
    try:
        stripe.WebhookSignature.verify_header(payload.decode(), signature, secret, tolerance=tolerance)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True
