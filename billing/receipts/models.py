"""Store receipts and credit notes, one per payment or refund, numbered without gaps and immutable."""

from __future__ import annotations

import uuid

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.money import Money
from billing.purchases.models.purchases import Purchase
from billing.refunds.models.refunds import Refund
from core.database.guards import never_deleted


class ReceiptSeries(models.Model):
    """The last number of a series (``R-2026``). Taking one locks the row until the transaction ends: hence no gaps."""

    name = models.CharField(_("name"), max_length=40, primary_key=True)
    last = models.PositiveIntegerField(_("last number"))

    class Meta:
        verbose_name = _("receipt series")
        verbose_name_plural = _("receipt series")
        triggers = [
            pgtrigger.Protect(
                name="never_counts_back",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__last__gte=pgtrigger.F("new__last")),
            ),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return self.name


class Receipt(models.Model):
    """A receipt or credit note, with a copy of everything that might change later, so that it stays the same.

    ``day`` is that of the payment or refund at Stripe, in the site's time zone; ``paid_with`` is the card or bank;
    ``tax_minor`` is in the amount; ``buyer``, the only personal data, has the name, email address and team, one per
    line. Card and buyer can only be emptied, and nothing else can change.
    """

    class Kind(models.TextChoices):
        RECEIPT = "receipt", _("Receipt")
        CREDIT_NOTE = "credit_note", _("Credit note")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    purchase = models.ForeignKey(
        Purchase, verbose_name=_("purchase"), on_delete=models.PROTECT, related_name="receipts"
    )
    refund = models.OneToOneField(
        Refund, verbose_name=_("refund"), on_delete=models.PROTECT, null=True, related_name="credit_note"
    )
    number = models.CharField(_("number"), max_length=60, unique=True)
    series = models.CharField(_("series"), max_length=40)
    serial = models.PositiveIntegerField(_("number in series"))
    day = models.DateField(_("day"))
    issued_at = models.DateTimeField(_("issued"), db_default=Now(), editable=False)
    language = models.CharField(_("language"), max_length=16)
    seller_name = models.CharField(_("seller"), max_length=200)
    seller_address = models.TextField(_("seller’s address"), blank=True)
    seller_tax_id = models.CharField(_("seller’s tax ID"), max_length=100, blank=True)
    note = models.TextField(_("note"), blank=True)
    tax_minor = models.BigIntegerField(_("tax in minor units"), default=0, db_default=0)
    paid_with = models.CharField(_("paid with"), max_length=100, blank=True, default="", db_default="")
    buyer = models.TextField(_("buyer"), blank=True)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        ordering = ["-issued_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["series", "serial"], name="receipt_number_once"),
            models.UniqueConstraint(
                fields=["purchase"], condition=Q(kind="receipt"), name="receipt_one_per_purchase"
            ),
            models.CheckConstraint(condition=Q(serial__gt=0), name="receipt_counts_from_one"),
            models.CheckConstraint(
                condition=Q(kind="receipt", refund__isnull=True)
                | Q(kind="credit_note", refund__isnull=False),
                name="receipt_credit_note_has_its_refund",
            ),
        ]
        indexes = [models.Index(fields=["-issued_at", "-id"], name="receipt_newest")]
        triggers = [
            pgtrigger.ReadOnly(name="keeps_what_it_says", exclude=["buyer", "paid_with"]),
            pgtrigger.Protect(
                name="forgets_its_buyer_only",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__buyer__df=pgtrigger.F("new__buyer")) & ~pgtrigger.Q(new__buyer="")
                | pgtrigger.Q(old__paid_with__df=pgtrigger.F("new__paid_with"))
                & ~pgtrigger.Q(new__paid_with=""),
            ),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def tax(self) -> Money:
        return Money(self.tax_minor, self.purchase.currency)
