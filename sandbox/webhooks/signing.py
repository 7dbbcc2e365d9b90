"""Stripe's signature of a webhook: ``t=<unix time>,v1=<HMAC-SHA256 of "t.payload">``."""

import hashlib
import hmac
import time


def sign(payload: bytes, secret: str) -> str:
    """The `Stripe-Signature` header for a body sent now.

    Real time: the receiver compares it with its own clock.
    """
    moment = int(time.time())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
