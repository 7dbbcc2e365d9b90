"""Why staff must look at a purchase or a payment."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Attention(models.TextChoices):
    NONE = "", _("none")
    AMOUNT_DIFFERS = "amount_differs", _("The amount paid is not the price")
    CURRENCY_DIFFERS = "currency_differs", _("The currency paid is not that of the price")
    BUYER_DELETED = "buyer_deleted", _("The buyer’s account was closed before the payment came")
    PAID_TWICE = "paid_twice", _("A second payment came for the same purchase")
    RETURN_CURRENCY = "return_currency", _("A refund or dispute is in another currency")
