"""Adjustments of balances by staff."""

from __future__ import annotations

import uuid

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.database.guards import UNLESS_SELF_SERVICE, keeps, never_deleted
from credits.ledger.models.accounts import Account
from credits.ledger.models.entries import Entry
from credits.ledger.models.fields import AmountField

LONGEST_REASON = 200

# The entry must match what was requested.
VERIFY_ENTRY = """
    IF NOT EXISTS (
        SELECT FROM credits_entry e
        WHERE e.id = NEW.entry_id AND e.account_id = NEW.account_id AND e.amount = NEW.amount
              AND e.kind = 'adjustment'
    ) THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_adjustment_equals_its_entry', TABLE = 'credits_adjustment',
            MESSAGE = format('adjustment %s: entry %s is not what it asks for', NEW.id, NEW.entry_id);
    END IF;
    RETURN NULL;
"""

REFUSE_SECOND_DECISION = """
    RAISE check_violation USING
        CONSTRAINT = 'credits_adjustment_decided_once', TABLE = 'credits_adjustment',
        MESSAGE = format('adjustment %s is %s already', OLD.id, OLD.status);
"""

# For requesting and approving; anyone may decline.
REFUSE_OWN_ACCOUNT = f"""
    IF {UNLESS_SELF_SERVICE} AND EXISTS (
        SELECT FROM credits_account a LEFT JOIN teams_membership m ON m.team_id = a.team_id
        WHERE a.id = NEW.account_id AND (a.owner_id = ANY (v_staff) OR m.user_id = ANY (v_staff))
    ) THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_adjustment_not_for_oneself', TABLE = 'credits_adjustment',
            MESSAGE = format('adjustment %s: the account is that of who asks or approves', NEW.id);
    END IF;
    RETURN NULL;
"""


class Adjustment(models.Model):
    """Credits that staff add (``amount`` above zero) or remove (below); the account holder sees ``reason``.

    ``key`` is the requester's: one dialog or one line of a file is one key and one adjustment. ``needs_approval`` is
    whether it was above the limit when requested; then somebody else decides. Otherwise it is booked immediately and
    has no decision. A script's has no ``asked_by``. Requester and decider can't be deleted: they are in the books.

    One that ``undoes`` another, once, removes the very credits it added, or restores the very lots it reduced.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("Awaiting approval")
        BOOKED = "booked", _("Applied")
        DECLINED = "declined", _("Declined")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        Account,
        verbose_name=_("account"),
        on_delete=models.PROTECT,
        related_name="adjustments",
        db_index=False,  # an index below begins with it
    )
    amount = AmountField(_("amount"))
    reason = models.CharField(_("reason"), max_length=LONGEST_REASON)
    reference = models.CharField(_("reference"), max_length=200, blank=True, default="")
    promotional = models.BooleanField(_("promotional"), default=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    key = models.CharField(_("key"), max_length=200)
    needs_approval = models.BooleanField(_("needs approval"))
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("requested by"),
        on_delete=models.PROTECT,
        null=True,
        related_name="adjustments_asked",
    )
    asked_at = models.DateTimeField(_("requested"), db_default=Now(), editable=False)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.WAITING, db_default=Status.WAITING
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        on_delete=models.PROTECT,
        null=True,
        related_name="adjustments_decided",
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    entry = models.OneToOneField(
        Entry, verbose_name=_("entry"), on_delete=models.PROTECT, null=True, related_name="adjustment"
    )
    undoes = models.ForeignKey(
        "self", verbose_name=_("undoes"), on_delete=models.PROTECT, null=True, related_name="undone_by"
    )

    class Meta:
        verbose_name = _("adjustment")
        verbose_name_plural = _("adjustments")
        permissions = [
            ("adjust_credits", _("Can adjust credits")),
            ("approve_adjustment", _("Can approve and decline others’ adjustments")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["key"], name="credits_adjustment_one_per_key"),
            models.CheckConstraint(
                condition=~Q(amount=0) & ~Q(reason="") & ~Q(key=""),
                name="credits_adjustment_has_an_amount_a_reason_and_a_key",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0) | Q(promotional=False, expires_at__isnull=True),
                name="credits_adjustment_only_grants_have_terms",
            ),
            models.UniqueConstraint(
                fields=["undoes"], condition=~Q(status="declined"), name="credits_adjustment_undone_once"
            ),
            models.CheckConstraint(
                condition=Q(status="waiting", decided_at__isnull=True, decided_by__isnull=True)
                & Q(entry__isnull=True)
                | Q(status="booked", decided_at__isnull=False, entry__isnull=False)
                | Q(
                    status="declined", decided_at__isnull=False, decided_by__isnull=False, entry__isnull=True
                ),
                name="credits_adjustment_booked_has_an_entry",
            ),
            models.CheckConstraint(
                condition=~Q(status="booked", needs_approval=True)
                | Q(asked_by__isnull=False, decided_by__isnull=False) & ~Q(decided_by=F("asked_by")),
                name="credits_adjustment_approved_by_a_second_person",
            ),
        ]
        indexes = [
            # The list's orders: all, of one status, of one account.
            models.Index(fields=["asked_at", "id"], name="credits_adjustment_by_time"),
            models.Index(fields=["status", "asked_at", "id"], name="credits_adjustment_by_status"),
            models.Index(fields=["account", "asked_at", "id"], name="credits_adjustment_of_account"),
            # What a member of staff did alone recently; most rows are from scripts.
            models.Index(
                fields=["asked_by", "asked_at"],
                condition=Q(asked_by__isnull=False, needs_approval=False),
                name="credits_adjustment_done_alone",
            ),
        ]
        triggers = [
            keeps(
                "account_id",
                "amount",
                "reason",
                "reference",
                "promotional",
                "expires_at",
                "undoes_id",
                "key",
                "needs_approval",
                "asked_by_id",
                "asked_at",
            ),
            pgtrigger.Trigger(
                name="is_decided_once",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__status="waiting"),
                func=REFUSE_SECOND_DECISION,
            ),
            pgtrigger.Trigger(
                name="equals_its_entry",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("entry_id"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(new__entry__isnull=False),
                func=VERIFY_ENTRY,
            ),
            pgtrigger.Trigger(
                name="is_not_for_oneself",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("decided_by_id"),  # type: ignore[no-untyped-call]
                declare=[
                    (
                        "v_staff",
                        "uuid[] := ARRAY[CASE TG_OP WHEN 'INSERT' THEN NEW.asked_by_id END,"
                        " CASE NEW.status WHEN 'booked' THEN NEW.decided_by_id END]",
                    )
                ],
                func=REFUSE_OWN_ACCOUNT,
            ),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():+f}: {self.reason}"
