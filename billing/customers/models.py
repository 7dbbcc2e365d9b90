"""Store customers, their saved payment methods, and the consents to charge these.

A customer is an account as the payment provider knows it: one per user and one per team. Stripe's webhooks keep the
payment methods as they are there, whoever changed them.
"""

from __future__ import annotations

import uuid
from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.method_names import method_name
from core.database.guards import keeps, never_deleted
from credits.ledger.models import Account


class Customer(models.Model):
    """An account's customer at Stripe. ``stripe_customer_id`` is null until Stripe answers, and again once somebody
    deletes it there: the next one made has the next ``generation``, which is in its idempotency key.

    ``name`` and ``email`` are as last sent to Stripe.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.OneToOneField(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="customer"
    )
    stripe_customer_id = models.CharField(_("Stripe customer"), max_length=255, unique=True, null=True)
    generation = models.PositiveIntegerField(_("generation"), default=1)
    name = models.CharField(_("name"), max_length=255, blank=True)
    email = models.CharField(_("email address"), max_length=255, blank=True)
    default_method = models.CharField(_("default payment method"), max_length=255, blank=True, default="")
    default_reported_at = models.DateTimeField(_("default reported"), null=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    # Asked for by an erasure; the job that does so at Stripe repeats until it succeeds.
    delete_at_stripe = models.BooleanField(_("to be deleted at Stripe"), default=False)
    deleted_at = models.DateTimeField(_("deleted at Stripe"), null=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        indexes = [models.Index(fields=["-created_at", "-id"], name="customer_newest")]
        triggers = [keeps("account_id", "created_at"), *never_deleted()]

    def __str__(self) -> str:
        return self.stripe_customer_id or str(self.pk)


class Consent(models.Model):
    """A customer's consent to be charged later, with the words that were agreed to.

    A saved card is charged only under a consent that names it and isn't withdrawn. ``given_by`` is null if it was given
    on Stripe's page, or if the user is gone.
    """

    class Kind(models.TextChoices):
        SAVED_CARD = "saved_card", _("Saved card")
        AUTO_TOP_UP = "auto_top_up", _("Automatic top-up")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(
        Customer, verbose_name=_("customer"), on_delete=models.PROTECT, related_name="consents"
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    wording = models.TextField(_("wording"))
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("given by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="consents",
    )
    # Empty until Stripe says which card was added.
    stripe_payment_method_id = models.CharField(_("Stripe payment method"), max_length=255, blank=True)
    given_at = models.DateTimeField(_("given"), db_default=Now(), editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering = ["given_at"]
        constraints = [
            models.CheckConstraint(condition=~Q(wording=""), name="consent_has_its_wording"),
        ]
        indexes = [
            models.Index(
                fields=["stripe_payment_method_id"],
                condition=~Q(stripe_payment_method_id=""),
                name="consent_of_card",
            ),
            models.Index(fields=["-given_at", "-id"], name="consent_newest"),
        ]
        triggers = [keeps("customer_id", "kind", "wording", "given_at"), *never_deleted()]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.given_at:%Y-%m-%d}"


class SavedMethod(models.Model):
    """A customer's saved payment method, as Stripe last reported it. A detached one can never be charged again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(
        Customer, verbose_name=_("customer"), on_delete=models.PROTECT, related_name="methods"
    )
    stripe_payment_method_id = models.CharField(_("Stripe payment method"), max_length=255, unique=True)
    method = models.CharField(_("method"), max_length=50)
    brand = models.CharField(_("card brand"), max_length=50, blank=True)
    last4 = models.CharField(_("last four digits"), max_length=4, blank=True)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True)
    wallet = models.CharField(_("wallet"), max_length=50, blank=True)
    exp_month = models.PositiveSmallIntegerField(_("expiry month"), null=True)
    exp_year = models.PositiveSmallIntegerField(_("expiry year"), null=True)
    # The year and month whose approach was mailed, such as 2034-12.
    announced_expiry = models.CharField(
        _("announced expiry"), max_length=7, blank=True, default="", db_default=""
    )
    reported_at = models.DateTimeField(_("reported"))
    attached_at = models.DateTimeField(_("saved"))
    detached_at = models.DateTimeField(_("removed"), null=True)

    class Meta:
        verbose_name = _("saved payment method")
        verbose_name_plural = _("saved payment methods")
        ordering = ["-attached_at", "-id"]
        indexes = [models.Index(fields=["-attached_at", "-id"], name="savedmethod_newest")]
        triggers = [keeps("customer_id", "stripe_payment_method_id"), *never_deleted()]

    def __str__(self) -> str:
        return self.named

    @property
    def named(self) -> str:
        """Return the name that its owner knows it by: “Visa •••• 4242”."""
        return method_name(self.brand or self.method, self.last4, self.wallet)

    @property
    def has_expired(self) -> bool:
        """Return whether the card's last month is over, where Stripe knows it."""
        if self.exp_year is None or self.exp_month is None:
            return False
        today = timezone.localdate()
        return (self.exp_year, self.exp_month) < (today.year, today.month)

    def expires_soon(self, today: date | None = None) -> bool:
        """Return whether the card is in its last month, or the one before."""
        if self.exp_year is None or self.exp_month is None:
            return False
        today = today or timezone.localdate()
        months_left = (self.exp_year - today.year) * 12 + self.exp_month - today.month
        return 0 <= months_left <= 1
