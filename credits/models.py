"""The ledger: accounts, lots, entries and the movements between them.

An *account* holds one owner's credits. Credits come in as *lots*: what they were for, how many are left, when they
expire, what was paid. Each thing that happens to an account is one *entry*, appended and never changed; the
*movements* of an entry say which lots it touched and by how much. So four numbers must always agree::

    account.balance = sum of its entries = balance_after of its last entry = sum of what its lots have left

The kind of an entry is its contra account: the sum of the entries of one kind is that account's balance, negated, so
the books balance without a row that every writer would queue for.

Only `credits.ledger` writes here. Each rule stands a second time in the database, as a constraint or a trigger named
for the rule, so that a script that goes around the ledger is refused at commit. Every row hangs on one account, which
is what lets the tables be split by account one day.
"""

from __future__ import annotations

import uuid

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from config.guards import append_only, never_deleted
from credits.amounts import MAX_DIGITS, PLACES


class AmountField(models.DecimalField):  # type: ignore[type-arg]  # django-stubs types it by its values
    """An amount of credits: NUMERIC with six places, a `Decimal` in Python, never a float."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("max_digits", MAX_DIGITS)
        kwargs.setdefault("decimal_places", PLACES)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed through as given


# Fires at commit, when account, lots and entries of one operation are all written.
VERIFY_ACCOUNT = "PERFORM credits_verify_account({account}); RETURN NULL;"


class Account(models.Model):
    """One owner's credits. ``balance`` is all of them, ``held`` those set aside, ``version`` counts the entries."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # An erased person leaves an account without an owner: the books stay whole.
    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="credit_account",
    )
    balance = AmountField(_("balance"), default=0, db_default=0)
    held = AmountField(_("held"), default=0, db_default=0)
    version = models.BigIntegerField(_("version"), default=0, db_default=0)
    created_at = models.DateTimeField(_("opened"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.CheckConstraint(condition=Q(held__gte=0), name="credits_account_held_not_negative"),
            models.CheckConstraint(condition=Q(balance__gte=F("held")), name="credits_account_no_overdraft"),
            models.CheckConstraint(condition=Q(version__gte=0), name="credits_account_version_not_negative"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="agrees_with_its_books",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("balance", "version"),  # type: ignore[no-untyped-call]
                timing=pgtrigger.Deferred,
                func=VERIFY_ACCOUNT.format(account="NEW.id"),
            ),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return str(self.owner) if self.owner_id else str(self.id)


class Lot(models.Model):
    """Credits that came in together.

    ``remaining`` of ``amount`` are left. ``cost_minor`` and ``currency`` say what was paid for all of it, in the
    currency's minor units; the ledger carries them for reports and never computes with them. Spending takes the lot
    that expires first, then promotional before paid, then the older.
    """

    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="lots"
    )
    amount = AmountField(_("amount"))
    remaining = AmountField(_("remaining"))
    promotional = models.BooleanField(_("promotional"), default=False)
    cost_minor = models.BigIntegerField(_("cost in minor units"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    reference = models.CharField(_("reference"), max_length=200, blank=True, default="")
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = pgettext_lazy("credits that came in together", "lot")
        verbose_name_plural = pgettext_lazy("credits that came in together", "lots")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="credits_lot_amount_positive"),
            models.CheckConstraint(
                condition=Q(remaining__gte=0, remaining__lte=F("amount")),
                name="credits_lot_remaining_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(promotional=False) | Q(cost_minor__isnull=True),
                name="credits_lot_promotional_costs_nothing",
            ),
        ]
        indexes = [
            # The order of spending, over the lots that have something left.
            models.Index(
                F("account"),
                F("expires_at").asc(nulls_last=True),
                F("promotional").desc(),
                F("id"),
                condition=Q(remaining__gt=0),
                name="credits_lot_spending_order",
            )
        ]
        triggers = [
            pgtrigger.Trigger(
                name="agrees_with_its_account",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("remaining", "account_id"),  # type: ignore[no-untyped-call]
                timing=pgtrigger.Deferred,
                func=VERIFY_ACCOUNT.format(account="NEW.account_id"),
            ),
            pgtrigger.ReadOnly(
                name="keeps_what_it_came_as",
                fields=["account", "amount", "promotional", "cost_minor", "currency", "created_at"],
            ),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}: {self.remaining.normalize():f} / {self.amount.normalize():f}"


class Entry(models.Model):
    """One thing that happened to an account. Appended, never changed.

    ``amount`` is signed, ``balance_after`` is the balance it left, ``version`` its place in the account's history
    (1, 2, 3, …). ``key`` is the business key: one fact, one key, one entry, however often the fact is reported.
    """

    class Kind(models.TextChoices):
        PURCHASE = "purchase", _("Purchase")
        PROMOTION = "promotion", _("Promotion")

    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="entries"
    )
    version = models.BigIntegerField(_("version"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    amount = AmountField(_("amount"))
    balance_after = AmountField(_("balance after"))
    key = models.CharField(_("business key"), max_length=200)
    reference = models.CharField(_("reference"), max_length=200, blank=True, default="")
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        constraints = [
            models.UniqueConstraint(fields=["account", "version"], name="credits_entry_one_per_version"),
            models.UniqueConstraint(fields=["account", "key"], name="credits_entry_one_per_key"),
            models.CheckConstraint(condition=~Q(amount=0), name="credits_entry_amount_not_zero"),
            models.CheckConstraint(condition=~Q(key=""), name="credits_entry_has_a_key"),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="continues_its_account",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="PERFORM credits_verify_entry(NEW); PERFORM credits_verify_account(NEW.account_id); RETURN NULL;",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount.normalize():+f}"


class LotMovement(models.Model):
    """What one entry did to one lot. The movements of an entry add up to it; those of a lot to what it has left."""

    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="movements"
    )
    entry = models.ForeignKey(
        Entry, verbose_name=_("entry"), on_delete=models.PROTECT, related_name="movements"
    )
    lot = models.ForeignKey(
        Lot,
        verbose_name=pgettext_lazy("credits that came in together", "lot"),
        on_delete=models.PROTECT,
        related_name="movements",
    )
    amount = AmountField(_("amount"))

    class Meta:
        verbose_name = _("lot movement")
        verbose_name_plural = _("lot movements")
        constraints = [
            models.UniqueConstraint(fields=["entry", "lot"], name="credits_movement_one_per_entry_and_lot"),
            models.CheckConstraint(condition=~Q(amount=0), name="credits_movement_amount_not_zero"),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="adds_up_to_its_entry",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="PERFORM credits_verify_movement(NEW); RETURN NULL;",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():+f}"
