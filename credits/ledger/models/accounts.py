"""Define accounts."""

from __future__ import annotations

import uuid

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.teams.models import Team
from core.database.guards import never_deleted
from credits.ledger.models.fields import AmountField
from credits.ledger.models.guards import OUTSIDERS, at_commit


class Account(models.Model):
    """The credits of one user or one team; opened without either, credits in escrow (`credits.ledger.escrow`).

    ``balance`` is all of them, ``held`` those on hold, ``debt`` what is owed. Only a clawback or a hold that allows
    debt creates debt, and then the balance may be negative. Debt and available credits never coexist: available
    credits pay debt off immediately. ``version`` counts the entries.

    ``closed_at``: its user was erased, or its team deleted. A closed account takes no credits and opens no hold.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Deleting a user leaves the account without an owner: the books stay whole.
    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="credit_account",
    )
    team = models.OneToOneField(
        Team,
        verbose_name=_("team"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="credit_account",
    )
    balance = AmountField(_("balance"), default=0, db_default=0)
    held = AmountField(_("held"), default=0, db_default=0)
    debt = AmountField(_("debt"), default=0, db_default=0)
    version = models.BigIntegerField(_("version"), default=0, db_default=0)
    created_at = models.DateTimeField(_("opened"), db_default=Now(), editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, editable=False)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            # Balance plus debt covers holds. One constraint, as PostgreSQL reads each for every statement.
            models.CheckConstraint(
                condition=Q(held__gte=0, debt__gte=0, balance__gte=F("held") - F("debt")),
                name="credits_account_no_overdraft",
            ),
        ]
        triggers = [
            at_commit(
                "agrees_with_its_books",
                pgtrigger.Insert | pgtrigger.UpdateOf("balance", "debt", "version"),  # type: ignore[no-untyped-call]
                "PERFORM credits_verify_account(NEW.id, OLD.version, OLD.balance, NEW.version, NEW.balance);",
                OUTSIDERS,
            ),
            at_commit(
                "agrees_with_its_holds",
                pgtrigger.Insert | pgtrigger.UpdateOf("held"),  # type: ignore[no-untyped-call]
                "PERFORM credits_verify_holds(NEW.id);",
                OUTSIDERS,
            ),
            at_commit(
                "owes_only_while_nothing_is_free",
                pgtrigger.Insert | pgtrigger.UpdateOf("debt", "held"),  # type: ignore[no-untyped-call]
                "PERFORM credits_verify_debt(NEW.id);",
                pgtrigger.Q(new__debt__gt=0),
            ),
            # Not a constraint, for the same reason: it is only checked when an owner is set.
            pgtrigger.Trigger(
                name="has_one_owner",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("owner_id", "team_id"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(new__owner__isnull=False, new__team__isnull=False),
                func="""
                    RAISE check_violation USING CONSTRAINT = 'credits_account_one_owner', TABLE = 'credits_account',
                        MESSAGE = format('account %s: it belongs to a person and to a team', NEW.id);
                """,
            ),
            pgtrigger.Trigger(
                name="closes_without_an_owner",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("owner_id", "team_id"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(
                    new__owner__isnull=True, new__team__isnull=True, new__closed_at__isnull=True
                ),
                func="NEW.closed_at := clock_timestamp(); RETURN NEW;",
            ),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return str(self.owner or self.team or self.id)

    @property
    def has_holder(self) -> bool:
        """Return whether it is a user's or a team's; else it is in escrow, or its owner was deleted."""
        return self.owner_id is not None or self.team_id is not None
