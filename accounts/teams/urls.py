"""Route the pages of teams, under ``/teams/``."""

from __future__ import annotations

from django.urls import path

from accounts.teams import views

app_name = "teams"
urlpatterns = [
    path("", views.teams_page, name="list"),
    path("switch", views.switch, name="switch"),
    path("join", views.join_page, name="join"),
    path("<uuid:team_id>/", views.team_page, name="team"),
    path("<uuid:team_id>/invite", views.invite_someone, name="invite"),
    path("<uuid:team_id>/invitations/<uuid:invitation_id>/revoke", views.revoke_invitation, name="revoke"),
    path("<uuid:team_id>/rename", views.rename, name="rename"),
    path("<uuid:team_id>/leave", views.leave, name="leave"),
    path("<uuid:team_id>/members/<uuid:user_id>/", views.member_page, name="member"),
    path("<uuid:team_id>/members/<uuid:user_id>/cap", views.change_cap, name="cap"),
    path("<uuid:team_id>/members/<uuid:user_id>/role", views.change_role, name="role"),
    path("<uuid:team_id>/members/<uuid:user_id>/remove", views.remove_member, name="remove"),
    path("<uuid:team_id>/members/<uuid:user_id>/owner", views.transfer_ownership, name="owner"),
]
