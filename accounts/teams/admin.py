"""Show teams to staff, read-only. Members manage them on their own pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
from unfold.decorators import display

from accounts.admin import UserAdmin
from accounts.models import User
from accounts.teams.models import Invitation, MemberAllowance, Membership, Period, Role, Team
from backoffice.display import EMPTY, chip, link_to, link_to_list, shortened
from backoffice.read_only import ReadOnlyAdmin, ReadOnlyInline

MEMBER_NAMED = ["memberships__user__email__normal_form", "memberships__user__username__normal_form"]
ROLE_TONES: dict[str, str] = {Role.OWNER: "info", Role.ADMIN: "success"}


class _RoleAndCap:
    """Columns of a row that gives a role and a cap."""

    @display(description=_("role"))
    def role_chip(self, row: Membership | Invitation) -> str:
        return chip(row.get_role_display(), ROLE_TONES.get(row.role))

    @display(description=_("cap"))
    def cap_shown(self, row: Membership | Invitation) -> str:
        return EMPTY if row.cap is None else f"{row.cap.normalize():f} {row.get_cap_period_display()}"


class MembershipInline(_RoleAndCap, ReadOnlyInline):
    model = Membership
    fields = ["member", "role_chip", "cap_shown", "spent_shown", "joined_at"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        members: QuerySet[Membership] = super().get_queryset(request)
        months = MemberAllowance.objects.filter(
            team=OuterRef("team"), user=OuterRef("user"), period=Period.MONTH
        ).order_by("-starts_on")
        members = members.annotate(
            newest_spent=Subquery(months.values("spent")[:1]),
            newest_month=Subquery(months.values("starts_on")[:1]),
        )
        return members.select_related("user").order_by("joined_at", "id")

    @display(description=_("member"))
    def member(self, membership: Membership) -> str:
        return link_to(membership.user)

    @display(description=_("monthly spend"))
    def spent_shown(self, membership: Any) -> str:
        """Show the newest month with spending; the ledger has the rest."""
        if membership.newest_month is None:
            return EMPTY
        return f"{membership.newest_spent.normalize():f} ({membership.newest_month:%Y-%m})"


class InvitationInline(_RoleAndCap, ReadOnlyInline):
    model = Invitation
    fields = ["address", "role_chip", "cap_shown", "state", "inviter", "expires_at", "mail_sent_at"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        invitations: QuerySet[Invitation] = super().get_queryset(request)
        return invitations.select_related("invited_by")

    @display(description=_("email"))
    def address(self, invitation: Invitation) -> str:
        return shortened(invitation.email)

    @display(description=_("state"))
    def state(self, invitation: Invitation) -> str:
        if invitation.accepted_at:
            return chip(_("Accepted"), "success")
        if invitation.revoked_at:
            return chip(_("Revoked"))
        return (
            chip(pgettext("invitation", "Open"), "info")
            if invitation.is_open()
            else chip(pgettext("invitation", "Expired"), "warning")
        )

    @display(description=_("invited by"))
    def inviter(self, invitation: Invitation) -> str:
        return link_to(invitation.invited_by)


@admin.register(Team)
class TeamAdmin(ReadOnlyAdmin):
    asked_for = ("memberships__user",)
    list_display = ["name", "owner", "people", "created_at"]
    search_fields = ["id__exact", "name", *MEMBER_NAMED]
    search_help_text = _("Team ID or name, or a member’s name or email.")
    ordering = ["-created_at"]
    fields = ["name", "created_at", "id", "see_also"]
    readonly_fields = fields
    inlines = [MembershipInline, InvitationInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        teams: QuerySet[Team] = super().get_queryset(request)
        owner = Membership.objects.filter(team=OuterRef("pk"), role=Role.OWNER).values("user__username")
        size = Membership.objects.filter(team=OuterRef("pk")).order_by().values("team")
        return teams.annotate(
            owner_name=Subquery(owner[:1]), size=Subquery(size.annotate(size=Count("pk")).values("size"))
        )

    @display(description=_("owner"), ordering="owner_name")
    def owner(self, team: Any) -> str:
        return team.owner_name or EMPTY

    @display(description=_("members"), ordering="size")
    def people(self, team: Any) -> int:
        return team.size or 0


def teams_of_user(user: User) -> str:
    return link_to_list(Team, _("Teams"), memberships__user__id__exact=user.pk)


UserAdmin.related_pages.append(teams_of_user)
