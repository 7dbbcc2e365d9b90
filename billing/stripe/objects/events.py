"""Read an event's envelope."""

from __future__ import annotations

import datetime
from contextlib import suppress
from dataclasses import dataclass

from billing.errors import MalformedStripeObject
from billing.stripe.objects.reading import Json, id_of, instant, reading, words
from billing.stripe.objects.storing import storable_key


@dataclass(frozen=True)
class StripeEvent:
    """A verified event's envelope. ``subject`` is its ``data.object``, ``payload`` the whole event; ``account`` is
    set only in other accounts' events; ``payment_ref`` is its payment intent, else its charge.
    """

    id: str
    type: str
    created: datetime.datetime
    api_version: str
    livemode: bool
    account: str
    subject: Json
    payload: Json

    @classmethod
    def from_json(cls, payload: Json) -> StripeEvent:
        with reading("event"):
            return cls(
                id=storable_key(_any_text(payload["id"])),
                type=words(_any_text(payload["type"]), 100),
                created=instant(payload["created"]),
                api_version=words(payload.get("api_version"), 50),
                livemode=bool(payload["livemode"]),
                account=words(payload.get("account")),
                subject=dict(payload["data"]["object"]),
                payload=payload,
            )

    @property
    def payment_ref(self) -> str:
        own = self.subject.get("id")
        kind = self.subject.get("object")
        intent = own if kind == "payment_intent" else self.subject.get("payment_intent")
        charge = own if kind == "charge" else self.subject.get("charge")
        with suppress(MalformedStripeObject), reading("event"):
            return id_of(intent) or id_of(charge) or ""
        return ""


def _any_text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"expected text, got {value!r:.50}")
    return value
