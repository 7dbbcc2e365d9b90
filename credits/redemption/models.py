"""Store redemption codes and their redemptions."""

from __future__ import annotations

import uuid

import pgtrigger
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.database.guards import append_only, keeps, never_deleted
from credits.ledger.models.accounts import Account
from credits.ledger.models.entries import Entry
from credits.ledger.models.fields import AmountField
from credits.redemption.guards import REFUSE_OWN_BATCH, VERIFY_ESCROW, VERIFY_REDEMPTION

HASH_LENGTH = 64
LONGEST_REASON = 200
MOST_CODES = 1000  # as many as fit on a page of the admin, and in one PDF
MOST_USES = 1_000_000
MOST_DAYS = 36500  # a hundred years; an expiry past the year 9999 could not be read back


def _stays_revoked() -> pgtrigger.Trigger:
    return pgtrigger.Protect(
        name="stays_revoked",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__revoked_at__isnull=False)
        & pgtrigger.Q(old__revoked_at__df=pgtrigger.F("new__revoked_at")),
    )


class CodeBatch(models.Model):
    """Codes that staff made together, with the same terms.

    Each code brings ``credits`` to up to ``uses`` accounts until ``expires_at``; the credits last ``validity_days``.
    ``key`` is the form's: sent twice, it makes one batch. A script's batch has no ``created_by``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(
        _("name"), max_length=100, help_text=_("For staff, such as an event. Customers don’t see it.")
    )
    credits = AmountField(_("credits per code"), validators=[MinValueValidator(0)])
    count = models.PositiveIntegerField(
        _("number of codes"), validators=[MinValueValidator(1), MaxValueValidator(MOST_CODES)]
    )
    uses = models.PositiveIntegerField(
        _("uses per code"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_USES)],
        help_text=_("How many customers can redeem the same code, each once."),
    )
    expires_at = models.DateTimeField(_("codes expire"), null=True, blank=True)
    validity_days = models.PositiveIntegerField(
        _("credits valid for days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS)],
        help_text=_("Counted from the redemption. Leave blank for credits that don’t expire."),
    )
    reason = models.CharField(
        _("reason"), max_length=LONGEST_REASON, help_text=_("Kept in the audit log with your name.")
    )
    key = models.UUIDField(_("key"), unique=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("batch of codes")
        verbose_name_plural = _("batches of codes")
        default_permissions = ("add", "change", "view")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(reason=""), name="redemption_batch_has_a_name_and_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(credits__gt=0, count__gte=1, uses__gte=1),
                name="redemption_batch_brings_something",
            ),
            models.CheckConstraint(
                condition=Q(validity_days__isnull=True)
                | Q(validity_days__gte=1, validity_days__lte=MOST_DAYS),
                name="redemption_batch_validity_is_bounded",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                name="redemption_batch_expires_after_creation",
            ),
        ]
        indexes = [models.Index(fields=["-created_at", "-id"], name="redemption_batch_by_time")]
        triggers = [
            keeps(
                "name",
                "credits",
                "count",
                "uses",
                "expires_at",
                "validity_days",
                "reason",
                "key",
                "created_by_id",
                "created_at",
            ),
            _stays_revoked(),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


class Code(models.Model):
    """A code of a batch: its hash and its last four characters, never the code itself."""

    batch = models.ForeignKey(
        CodeBatch, verbose_name=_("batch"), on_delete=models.PROTECT, related_name="codes"
    )
    code_hash = models.CharField(max_length=HASH_LENGTH, unique=True, editable=False)
    last4 = models.CharField(_("ends in"), max_length=4, editable=False, db_index=True)
    uses_left = models.PositiveIntegerField(_("uses left"), editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("redemption code")
        verbose_name_plural = _("redemption codes")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(code_hash__regex=rf"^[0-9a-f]{{{HASH_LENGTH}}}$"),
                name="redemption_code_holds_a_hash",
            ),
        ]
        triggers = [
            keeps("batch_id", "code_hash", "last4"),
            pgtrigger.Protect(
                name="is_only_used_up",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__uses_left__gt=pgtrigger.F("old__uses_left")),
            ),
            _stays_revoked(),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"…{self.last4}"


class Redemption(models.Model):
    """One use of a code: ``user`` redeemed it for ``account``, and ``entry`` brought the credits.

    ``use`` numbers the uses of a code: 1, 2, … up to the batch's ``uses``. ``key`` is the caller's; whoever repeats it
    gets the first answer again.
    """

    code = models.ForeignKey(
        Code,
        verbose_name=_("code"),
        on_delete=models.PROTECT,
        related_name="redemptions",
        db_index=False,  # both unique constraints begin with it
    )
    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="redemptions"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("redeemed by"),
        on_delete=models.PROTECT,
        related_name="redemptions",
    )
    entry = models.OneToOneField(
        Entry, verbose_name=_("entry"), on_delete=models.PROTECT, related_name="redemption"
    )
    use = models.PositiveIntegerField(_("use"))
    key = models.CharField(_("key"), max_length=200, blank=True, default="")
    credits_expire_at = models.DateTimeField(_("credits expire"), null=True)
    redeemed_at = models.DateTimeField(_("redeemed"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["code", "account"], name="redemption_once_per_account"),
            models.UniqueConstraint(fields=["code", "use"], name="redemption_one_per_use"),
            models.CheckConstraint(condition=Q(use__gte=1), name="redemption_use_counts_from_one"),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="gives_what_its_code_promises",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=VERIFY_REDEMPTION,
            ),
            pgtrigger.Trigger(
                name="is_not_for_its_maker",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=REFUSE_OWN_BATCH,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.use}"


class EscrowCode(models.Model):
    """A code that moves all credits of an account of nobody's (`credits.ledger.escrow`) to whoever redeems it.

    A refund or dispute of these credits needs no change here: what the account no longer has can't be redeemed. They
    last ``validity_days`` from the redemption, promotional ones ``bonus_validity_days``. Of an
    account's codes, one at most can be redeemed.
    """

    escrow = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="escrow_codes"
    )
    code_hash = models.CharField(max_length=HASH_LENGTH, unique=True, editable=False)
    last4 = models.CharField(_("ends in"), max_length=4, editable=False, db_index=True)
    validity_days = models.PositiveIntegerField(_("credits valid for days"), null=True)
    bonus_validity_days = models.PositiveIntegerField(_("promotional credits valid for days"), null=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    redeemed_at = models.DateTimeField(_("redeemed"), null=True, editable=False)
    redeemed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("redeemed by"),
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
    )
    account = models.ForeignKey(
        Account, verbose_name=_("redeemed for"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    entry = models.OneToOneField(
        Entry, verbose_name=_("entry"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    key = models.CharField(_("key"), max_length=200, blank=True, default="")
    credits_expire_at = models.DateTimeField(_("credits expire"), null=True)

    class Meta:
        verbose_name = _("gift code")
        verbose_name_plural = _("gift codes")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=Q(code_hash__regex=rf"^[0-9a-f]{{{HASH_LENGTH}}}$"),
                name="redemption_escrow_code_holds_a_hash",
            ),
            models.UniqueConstraint(
                fields=["escrow"],
                condition=Q(revoked_at=None, redeemed_at=None),
                name="redemption_escrow_has_one_code",
            ),
            models.CheckConstraint(
                condition=Q(redeemed_at=None, redeemed_by=None, account=None, entry=None)
                | Q(
                    revoked_at=None,
                    redeemed_at__isnull=False,
                    redeemed_by__isnull=False,
                    account__isnull=False,
                    entry__isnull=False,
                ),
                name="redemption_escrow_code_redeemed_or_revoked",
            ),
        ]
        triggers = [
            keeps("escrow_id", "code_hash", "last4", "validity_days", "bonus_validity_days", "created_at"),
            pgtrigger.Protect(
                name="stays_redeemed",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__redeemed_at__isnull=False),
            ),
            _stays_revoked(),
            pgtrigger.Trigger(
                name="moves_what_was_in_escrow",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("redeemed_at"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(new__redeemed_at__isnull=False),
                func=VERIFY_ESCROW,
            ),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"…{self.last4}"
