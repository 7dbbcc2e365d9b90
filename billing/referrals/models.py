"""Store referrers, the users they referred, what both were rewarded with, and the devices that tell them apart."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.purchases.models import Purchase
from core.database.guards import keeps, never_deleted
from credits.ledger.models import Account, Lot
from credits.ledger.models.fields import AmountField


class Referrer(models.Model):
    """A user with a code to share. One that staff stopped refers nobody, and gets no reward that is still pending."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.PROTECT, related_name="referrer"
    )
    code = models.CharField(_("code"), max_length=20, unique=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True)
    note = models.CharField(_("why staff stopped it"), max_length=300, blank=True, default="")
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("referrer")
        verbose_name_plural = _("referrers")
        ordering = ["-created_at", "-id"]
        permissions = [("stop_referrals", _("Can stop referrers and referrals"))]
        indexes = [models.Index(fields=["-created_at", "-id"], name="referrer_newest")]
        triggers = [keeps("user_id", "code", "created_at"), *never_deleted()]

    def __str__(self) -> str:
        return self.code


class Referral(models.Model):
    """A user referred by another: pending from their first real payment, until ``due_at``; then rewarded or refused.

    A rewarded one is clawed back while its payment is refunded or disputed, and for good if staff stop it.
    """

    class State(models.TextChoices):
        SIGNED_UP = "signed_up", _("Signed up")
        PENDING = "pending", _("Pending")
        REWARDED = "rewarded", _("Rewarded")
        REFUSED = "refused", _("Refused")
        CLAWED_BACK = "clawed_back", _("Clawed back")

    class Reason(models.TextChoices):
        SAME_CARD = "same_card", _("paid with the referrer’s card")
        CARD_OF_ANOTHER = "card_of_another", _("paid with the card of another referred user")
        SAME_EMAIL = "same_email", _("has the referrer’s email address")
        SAME_DEVICE = "same_device", _("uses the referrer’s device")
        SAME_TEAM = "same_team", _("in a team with the referrer")
        CAP = "cap", _("the referrer has the most rewards")
        REFUNDED = "refunded", _("the payment was refunded")
        DISPUTED = "disputed", _("the payment was disputed")
        STAFF = "staff", _("stopped by staff")
        REFERRER_STOPPED = "referrer_stopped", _("staff stopped the referrer")
        ERASED = "erased", _("one of the two was erased")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    referrer = models.ForeignKey(
        Referrer, verbose_name=_("referrer"), on_delete=models.PROTECT, related_name="referrals"
    )
    referred = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("referred user"),
        on_delete=models.PROTECT,
        related_name="referral",
    )
    state = models.CharField(_("state"), max_length=20, choices=State.choices, default=State.SIGNED_UP)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices, blank=True, default="")
    note = models.CharField(_("why staff stopped it"), max_length=300, blank=True, default="")
    purchase = models.OneToOneField(
        Purchase,
        verbose_name=_("first purchase"),
        on_delete=models.PROTECT,
        null=True,
        related_name="referral",
    )
    due_at = models.DateTimeField(_("reward due"), null=True)
    rewarded_at = models.DateTimeField(_("rewarded"), null=True)
    created_at = models.DateTimeField(_("signed up"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("referral")
        verbose_name_plural = _("referrals")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["pending", "rewarded", "clawed_back"])
                | Q(purchase__isnull=False, due_at__isnull=False),
                name="referral_rewards_a_purchase",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["rewarded", "clawed_back"], rewarded_at__isnull=False)
                | Q(state__in=["signed_up", "pending", "refused"], rewarded_at__isnull=True),
                name="referral_rewarded_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["refused", "clawed_back"]) & ~Q(reason="")
                | Q(state__in=["signed_up", "pending", "rewarded"], reason=""),
                name="referral_refused_has_its_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="referral_newest"),
            models.Index(fields=["referrer", "state"], name="referral_of_referrer"),
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="referral_due"),
        ]
        triggers = [keeps("referrer_id", "referred_id", "created_at"), *never_deleted()]

    def __str__(self) -> str:
        return str(self.pk)


class Reward(models.Model):
    """The credits that one side of a referral was granted: a promotional lot. Its clawback has the same ``id``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    referral = models.ForeignKey(
        Referral, verbose_name=_("referral"), on_delete=models.PROTECT, related_name="rewards"
    )
    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="referral_rewards"
    )
    lot = models.OneToOneField(
        Lot, verbose_name=_("credits"), on_delete=models.PROTECT, related_name="referral_reward"
    )
    amount = AmountField(_("credits"))
    mailed_at = models.DateTimeField(_("email sent"), null=True)
    created_at = models.DateTimeField(_("granted"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("referral reward")
        verbose_name_plural = _("referral rewards")
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["referral", "account"], name="referral_reward_one_each"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="referral_reward_positive"),
        ]
        triggers = [keeps("referral_id", "account_id", "lot_id", "amount", "created_at"), *never_deleted()]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f}"


class Device(models.Model):
    """A browser that a user was seen with, by the hash of a random cookie."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="+"
    )
    cookie_hash = models.CharField(_("hash of its cookie"), max_length=64)
    seen_at = models.DateTimeField(_("first seen"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        constraints = [
            models.UniqueConstraint(fields=["user", "cookie_hash"], name="referral_device_once"),
        ]

    def __str__(self) -> str:
        return self.cookie_hash[:8]
