"""Store teams: users who spend from one account together.

A team has exactly one owner, any number of admins, and members. Each except the owner may have a *cap*: how many
credits they may spend per day, week or month. `MemberAllowance` counts what each has spent; the credits themselves are
in the ledger, in the team's account.

Only the neighbouring modules write here. A constraint or trigger named for each rule enforces it again.
"""

from __future__ import annotations

import uuid
from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.normal_form import NormalForm

NAME_LENGTH = 60

# The team's row is locked first: of two simultaneous commits the second sees what the first did.
VERIFY_OWNER = """
    v_team := CASE WHEN TG_OP = 'DELETE' THEN OLD.team_id ELSE NEW.team_id END;
    PERFORM 1 FROM teams_team WHERE id = v_team FOR NO KEY UPDATE;
    IF EXISTS (SELECT 1 FROM teams_membership WHERE team_id = v_team)
       AND NOT EXISTS (SELECT 1 FROM teams_membership WHERE team_id = v_team AND role = 'owner') THEN
        RAISE check_violation USING
            CONSTRAINT = 'teams_team_has_an_owner', TABLE = 'teams_membership',
            MESSAGE = format('team %s: it has members and no owner', v_team);
    END IF;
    RETURN NULL;
"""

# A cap may be lowered below what is already spent; no further spending is allowed then.
VERIFY_CAP = """
    IF TG_OP = 'UPDATE' THEN
        IF NEW.spent <= OLD.spent THEN
            RETURN NULL;
        END IF;
    END IF;
    SELECT cap INTO v_cap FROM teams_membership
        WHERE team_id = NEW.team_id AND user_id = NEW.user_id AND cap_period = NEW.period FOR SHARE;
    IF NEW.spent > v_cap THEN
        RAISE check_violation USING
            CONSTRAINT = 'teams_allowance_within_cap', TABLE = 'teams_memberallowance',
            MESSAGE = format('team %s, user %s: %s spent in a %s whose cap is %s',
                             NEW.team_id, NEW.user_id, NEW.spent, NEW.period, v_cap);
    END IF;
    RETURN NULL;
"""

# Otherwise a cap could be reset within its period.
ONLY_COUNTS_UP = """
    IF TG_OP = 'UPDATE' THEN
        IF NEW.spent >= OLD.spent AND (NEW.team_id, NEW.user_id, NEW.period, NEW.starts_on)
                                    = (OLD.team_id, OLD.user_id, OLD.period, OLD.starts_on) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE check_violation USING
        CONSTRAINT = 'teams_allowance_only_counts_up', TABLE = 'teams_memberallowance',
        MESSAGE = format('team %s, user %s: what was counted stays counted', OLD.team_id, OLD.user_id);
"""


class Role(models.TextChoices):
    """A role in a team; `accounts.teams.permissions` lists what each may do."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")


class Period(models.TextChoices):
    """A cap's period: calendar periods in the site's time zone."""

    DAY = "day", _("per day")
    WEEK = "week", _("per week")
    MONTH = "month", _("per month")


def leave_with_the_user(
    collector: Any, field: Any, memberships: models.QuerySet[Membership, Membership], using: str
) -> None:
    """Remove a deleted user from their teams, unless they own one with other members: staff transfer it first."""
    owned = [row.team_id for row in memberships if row.role == Role.OWNER]
    leaving = [row.pk for row in memberships]
    orphaned = set(
        Membership.objects.filter(team__in=owned).exclude(pk__in=leaving).values_list("team_id", flat=True)
    )
    if orphaned:
        raise models.ProtectedError(
            "This person owns a team that has other members.",
            {row for row in memberships if row.role == Role.OWNER and row.team_id in orphaned},
        )
    models.CASCADE(collector, field, memberships, using)


class Team(models.Model):
    """Users who spend from one account. Never deleted: its account's statement would lose its name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=NAME_LENGTH)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="teams_team_has_a_name"),
        ]
        # Staff search for teams by name.
        indexes = [models.Index(NormalForm("name"), name="teams_team_by_name")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One user in one team. ``cap`` is in credits per ``cap_period``; None: no limit but the account's balance."""

    team = models.ForeignKey(
        Team, verbose_name=_("team"), on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("member"),
        on_delete=leave_with_the_user,
        related_name="memberships",
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    cap = models.DecimalField(_("cap"), max_digits=24, decimal_places=6, null=True, blank=True)
    cap_period = models.CharField(
        _("cap period"), max_length=10, choices=Period.choices, blank=True, default=""
    )
    joined_at = models.DateTimeField(_("joined"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="teams_membership_one_per_team_and_user"),
            models.UniqueConstraint(
                fields=["team"], condition=Q(role=Role.OWNER), name="teams_membership_one_owner_per_team"
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="teams_membership_role_is_known"),
            models.CheckConstraint(
                condition=Q(cap__isnull=True, cap_period="")
                | Q(cap__isnull=False, cap__gte=0, cap_period__in=Period.values),
                name="teams_membership_cap_has_a_period",
            ),
            models.CheckConstraint(
                condition=~Q(role=Role.OWNER) | Q(cap__isnull=True), name="teams_membership_owner_has_no_cap"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="leaves_the_team_an_owner",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                timing=pgtrigger.Deferred,
                declare=[("v_team", "uuid")],
                func=VERIFY_OWNER,
            ),
            # The deferred guard above checks only one team.
            pgtrigger.Protect(
                name="stays_in_its_team",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("team", "user"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.team}"


class Invitation(models.Model):
    """An emailed invitation: anyone with its link can join, once, until it expires. Only its token's hash is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(
        Team, verbose_name=_("team"), on_delete=models.CASCADE, related_name="invitations"
    )
    email = models.EmailField(_("email"), help_text=_("In lower case."))
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    cap = models.DecimalField(_("cap"), max_digits=24, decimal_places=6, null=True, blank=True)
    cap_period = models.CharField(
        _("cap period"), max_length=10, choices=Period.choices, blank=True, default=""
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("invited by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    created_at = models.DateTimeField(_("invited"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires"))
    mail_sent_at = models.DateTimeField(_("mail sent"), null=True)
    accepted_at = models.DateTimeField(_("accepted"), null=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("accepted by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "email"],
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="teams_invitation_one_open_per_team_and_email",
            ),
            # The form of `accounts.email_addresses`, so that the constraint above compares as other code does.
            models.CheckConstraint(
                condition=Q(email=NormalForm("email")), name="teams_invitation_email_in_normal_form"
            ),
            # Ownership is transferred, never given by invitation.
            models.CheckConstraint(
                condition=Q(role__in=[Role.ADMIN, Role.MEMBER]), name="teams_invitation_makes_no_owner"
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(revoked_at__isnull=True),
                name="teams_invitation_ends_once",
            ),
            models.CheckConstraint(
                condition=Q(cap__isnull=True, cap_period="")
                | Q(cap__isnull=False, cap__gte=0, cap_period__in=Period.values),
                name="teams_invitation_cap_has_a_period",
            ),
        ]
        triggers = [
            # Single use: an accepted or revoked invitation is never reopened.
            pgtrigger.Protect(
                name="stays_closed",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "((OLD.accepted_at IS NOT NULL AND NEW.accepted_at IS DISTINCT FROM OLD.accepted_at)"
                    " OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at))"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email}, {self.team}"

    def is_open(self) -> bool:
        """Return whether its link still works."""
        return not (self.accepted_at or self.revoked_at) and self.expires_at > timezone.now()


class MemberAllowance(models.Model):
    """A user's spending in a team in one calendar period; ``starts_on`` is its first day in the site's time zone.

    It belongs to the user and the team, not to a membership: rejoining doesn't reset it. So counts are never deleted
    and never go down, and a user who has one can be deactivated but not deleted. Days, weeks and months are all
    counted, so that a cap knows what was spent when its period is changed.
    """

    team = models.ForeignKey(
        Team, verbose_name=_("team"), on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    # A foreign key's check would wait for the user's row at commit, while an erasure holding that row waits for the
    # membership. The trigger teams_counts_keep_their_person on accounts_user replaces it (migration 0012).
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("member"),
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    period = models.CharField(_("period"), max_length=10, choices=Period.choices)
    starts_on = models.DateField(_("from"))
    # Wider than an amount: credits granted within the period can be spent too.
    spent = models.DecimalField(_("spent"), max_digits=30, decimal_places=6)

    class Meta:
        verbose_name = _("allowance")
        verbose_name_plural = _("allowances")
        constraints = [
            models.UniqueConstraint(
                fields=["team", "user", "period", "starts_on"], name="teams_allowance_one_per_period"
            ),
            models.CheckConstraint(condition=Q(spent__gte=0), name="teams_allowance_not_negative"),
            models.CheckConstraint(
                condition=Q(period__in=Period.values), name="teams_allowance_period_is_known"
            ),
        ]
        indexes = [models.Index(fields=["user"], name="teams_allowance_by_user")]
        triggers = [
            pgtrigger.Trigger(
                name="stays_within_the_cap",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("spent"),  # type: ignore[no-untyped-call]
                timing=pgtrigger.Deferred,
                declare=[("v_cap", "numeric")],
                func=VERIFY_CAP,
            ),
            pgtrigger.Trigger(
                name="only_counts_up",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=ONLY_COUNTS_UP,
            ),
            pgtrigger.Trigger(
                name="is_never_emptied",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Truncate,
                func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.team}: {self.spent.normalize():f} {self.get_period_display()}"
