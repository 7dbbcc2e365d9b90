"""Read customers, saved payment methods and setup intents."""

from __future__ import annotations

from billing.provider.objects import Json, ProviderCustomer, ProviderMethod, SetUpCard
from billing.stripe.objects.payments import read_method
from billing.stripe.objects.reading import id_of, instant, reading, reference, text


def read_customer(data: Json) -> ProviderCustomer:
    """Read a customer."""
    with reading("customer"):
        settings = data.get("invoice_settings") or {}
        return ProviderCustomer(text(data["id"]), id_of(settings.get("default_payment_method")) or "")


def read_saved_method(data: Json) -> ProviderMethod:
    """Read a payment method; only cards expire."""
    with reading("payment_method"):
        card = data.get("card") or {}
        return ProviderMethod(
            id=text(data["id"]),
            customer_id=id_of(data.get("customer")) or "",
            method=read_method(data),
            exp_month=_part_of_date(card.get("exp_month")),
            exp_year=_part_of_date(card.get("exp_year")),
            is_for_reuse=data.get("allow_redisplay") == "always",
            created=instant(data["created"]),
        )


def read_set_up_card(data: Json) -> SetUpCard:
    """Read a setup intent that succeeded."""
    with reading("setup_intent"):
        return SetUpCard(
            customer_id=id_of(data.get("customer")) or "",
            method_id=text(id_of(data["payment_method"])),
            reference=reference((data["metadata"] or {}).get("consent_id")),
        )


def _part_of_date(value: object) -> int | None:
    """Return a month or a year; None if there is none, or if it is hidden in a stored event of an erased customer."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10_000:
        return value
    return None
