"""Serve the pages of teams, complete without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.sign_in.resuming import is_own_address, posted_from
from accounts.teams import invitations, membership
from accounts.teams.errors import (
    AlreadyMember,
    InvitationClosed,
    RoleForbids,
    TeamError,
    UnknownInvitation,
    UnknownMember,
    UnknownTeam,
)
from accounts.teams.forms import CapForm, InviteForm, NameForm, RoleForm, cap_form_of, first_error
from accounts.teams.models import Role
from accounts.teams.selectors import memberships_of, team_view
from accounts.teams.switching import switch_to
from core.uuids import as_uuid

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

View = Callable[..., HttpResponse]
Change = Callable[..., HttpResponse | str]
BAD_REQUEST = 400


def page(view: View) -> View:
    """Require a signed-in user. Unknown teams and members are answered with 404."""

    @never_cache
    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, **ids: Any) -> HttpResponse:
        try:
            return view(request, **ids)
        except (UnknownTeam, UnknownMember) as error:
            raise Http404(error.message) from error
        except RoleForbids as error:
            raise PermissionDenied(error.message) from error

    return guarded


def team_change(again: _StrPromise, origin: str) -> Callable[[Change], View]:
    """Make a view of a change, which then shows the team with the returned message, or why it was refused.

    Args:
        again: what to press again after signing in, on the page named ``origin``.
    """
    named = ("team_id",) if origin == "teams:team" else ("team_id", "user_id")

    def decorate(change: Change) -> View:
        @page
        @posted_from(again, origin, *named)
        @require_POST
        @wraps(change)
        def view(request: HttpRequest, team_id: UUID, **ids: UUID) -> HttpResponse:
            try:
                done = change(request, team_id, **ids)
            except (UnknownTeam, UnknownMember):
                raise
            except TeamError as error:
                messages.error(request, error.message)
            else:
                if isinstance(done, HttpResponse):
                    return done
                messages.success(request, done)
            return redirect("teams:team", team_id=team_id)

        return view

    return decorate


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


@page
@posted_from(gettext_lazy("You were signed out. Please enter the team name and press Create team again."))
@require_http_methods(["GET", "HEAD", "POST"])
def teams_page(request: HttpRequest) -> HttpResponse:
    """List the user's teams, with the form that creates one."""
    form = NameForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            team = membership.create_team(_user(request), form.cleaned_data["name"])
        except TeamError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Team created. Invite your teammates."))
            return redirect("teams:team", team_id=team.pk)
    context = {"memberships": memberships_of(_user(request)), "form": form}
    return render(request, "teams/list.html", context, status=BAD_REQUEST if form.errors else None)


@page
@require_safe
def team_page(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """Show the team's members and invitations, with the actions the user may take."""
    return _show_team(request, team_id)


@page
@posted_from(
    gettext_lazy("You were signed out. Please fill in the form and press Send invitation again."),
    "teams:team",
    "team_id",
)
@require_POST
def invite_someone(request: HttpRequest, team_id: UUID) -> HttpResponse:
    form = InviteForm(request.POST)
    if form.is_valid():
        email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
        try:
            invitation = invitations.invite(_user(request), team_id, email, role, form.parsed_cap)
        except (UnknownTeam, RoleForbids):
            raise
        except TeamError as error:
            form.refuse(error)
        else:
            messages.success(
                request, _("The invitation is on its way to %(email)s.") % {"email": invitation.email}
            )
            return redirect("teams:team", team_id=team_id)
    return _show_team(request, team_id, form)


def _show_team(request: HttpRequest, team_id: UUID, invite_form: InviteForm | None = None) -> HttpResponse:
    view = team_view(_user(request), team_id)
    context = {"view": view, "invite_form": invite_form or InviteForm()}
    return render(request, "teams/team.html", context, status=BAD_REQUEST if invite_form else None)


@team_change(gettext_lazy("You were signed out. Please press Revoke again."), "teams:team")
def revoke_invitation(request: HttpRequest, team_id: UUID, invitation_id: UUID) -> str:
    invitations.revoke(_user(request), team_id, invitation_id)
    return _("Invitation revoked. Its link no longer works.")


@team_change(gettext_lazy("You were signed out. Please enter the name and press Rename again."), "teams:team")
def rename(request: HttpRequest, team_id: UUID) -> str:
    membership.rename_team(_user(request), team_id, request.POST.get("name", ""))
    return _("Team renamed.")


@team_change(gettext_lazy("You were signed out. Please press Leave again."), "teams:team")
def leave(request: HttpRequest, team_id: UUID) -> HttpResponse:
    membership.leave_team(_user(request), team_id)
    messages.success(request, _("You left the team."))
    return redirect("teams:list")


@page
@require_safe
def member_page(request: HttpRequest, team_id: UUID, user_id: UUID) -> HttpResponse:
    """Show one member: their cap and role, and how to remove them."""
    return _show_member(request, team_id, user_id)


@team_change(
    gettext_lazy("You were signed out. Please enter the limit and press Save limit again."), "teams:member"
)
def change_cap(request: HttpRequest, team_id: UUID, user_id: UUID) -> HttpResponse | str:
    form = CapForm(request.POST)
    if not form.is_valid():
        return _show_member(request, team_id, user_id, form)
    membership.set_cap(_user(request), team_id, user_id, form.parsed_cap)
    return _("Limit saved. It includes spending so far this period.")


@team_change(
    gettext_lazy("You were signed out. Please choose the role and press Save role again."), "teams:member"
)
def change_role(request: HttpRequest, team_id: UUID, user_id: UUID) -> HttpResponse | str:
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, first_error(form))
        return redirect("teams:member", team_id=team_id, user_id=user_id)
    membership.change_role(_user(request), team_id, user_id, Role(form.cleaned_data["role"]))
    return _("Role saved.")


@team_change(gettext_lazy("You were signed out. Please press Remove again."), "teams:member")
def remove_member(request: HttpRequest, team_id: UUID, user_id: UUID) -> str:
    membership.remove_member(_user(request), team_id, user_id)
    return _("Member removed.")


@team_change(gettext_lazy("You were signed out. Please press Transfer ownership again."), "teams:member")
def transfer_ownership(request: HttpRequest, team_id: UUID, user_id: UUID) -> str:
    membership.transfer_ownership(_user(request), team_id, user_id)
    return _("Ownership transferred. You’re now an admin.")


def _show_member(
    request: HttpRequest, team_id: UUID, user_id: UUID, cap_form: CapForm | None = None
) -> HttpResponse:
    view = team_view(_user(request), team_id)
    row = next((row for row in view.members if row.membership.user_id == user_id), None)
    if row is None or not row.can_be_managed:
        raise Http404
    context = {
        "view": view,
        "row": row,
        "cap_form": cap_form or cap_form_of(row.membership),
        "roles": RoleForm.base_fields["role"].choices,  # type: ignore[attr-defined]  # a ChoiceField
    }
    return render(request, "teams/member.html", context, status=BAD_REQUEST if cap_form else None)


@page
@posted_from(gettext_lazy("You were signed out. Please press Join team again."))
@require_http_methods(["GET", "HEAD", "POST"])
def join_page(request: HttpRequest) -> HttpResponse:
    """Show an invitation. Only the button joins: email programs open links too."""
    token = request.POST.get("token", "") or request.GET.get("token", "")
    try:
        if request.method == "POST":
            return _join(request, token)
        invitation = invitations.find_invitation(token)
        invitations.require_open(invitation)
    except (UnknownInvitation, InvitationClosed) as error:
        return render(request, "teams/join_refused.html", {"reason": error.message}, status=error.status)
    context = {
        "invitation": invitation,
        "invited_by": invitations.inviter_of(invitation),
        "token": token,
        "is_member": memberships_of(_user(request)).filter(team=invitation.team).exists(),
    }
    return render(request, "teams/join.html", context)


def _join(request: HttpRequest, token: str) -> HttpResponse:
    try:
        joined = invitations.accept(_user(request), token)
    except AlreadyMember as error:
        messages.info(request, error.message)
        return redirect("teams:team", team_id=UUID(error.params["team"]))
    switch_to(request, joined.team_id)
    messages.success(request, _("Welcome to the team. You’ve switched to its account."))
    return redirect("teams:team", team_id=joined.team_id)


@page
@posted_from(gettext_lazy("You were signed out. Please choose the account again."), "credits")
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Switch to a team, or to the personal account if none is named, and return to the page."""
    try:
        team = switch_to(request, _team_id(request.POST.get("team", "")))
    except UnknownTeam as error:
        messages.error(request, error.message)
    else:
        messages.success(
            request,
            _("Switched to %(team)s.") % {"team": team} if team else _("Switched to your personal account."),
        )
    back = request.POST.get("next", "")
    return redirect(back if is_own_address(request, back) else "credits")


def _team_id(text: str) -> UUID | None:
    """Parse a team's id; None for an empty text. Raises `UnknownTeam`."""
    team_id = as_uuid(text)
    if text and team_id is None:
        raise membership.unknown_team()
    return team_id
