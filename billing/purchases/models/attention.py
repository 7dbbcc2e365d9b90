"""Define why a purchase or payment needs staff's attention."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Attention(models.TextChoices):
    NONE = "", _("none")
    AMOUNT_DIFFERS = "amount_differs", _("Amount paid differs from the price")
    CURRENCY_DIFFERS = "currency_differs", _("Currency paid differs from the price")
    BUYER_DELETED = "buyer_deleted", _("Account closed before the payment arrived")
    PAID_TWICE = "paid_twice", _("Second payment for the same purchase")
    RETURN_CURRENCY = "return_currency", _("Refund or dispute in another currency")
