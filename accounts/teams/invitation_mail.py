"""Email invitations to teams."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, override

from accounts.languages import language_of_address
from accounts.teams.invitations import hash_of, inviter_of, token_of
from accounts.teams.models import Invitation
from accounts.time_zones import zone_of_address
from core.database.locks import take_turns
from core.emails import send_email


def send_invitation_mail(invitation_id: UUID) -> bool:
    """Send an open invitation's email, once; return whether this call sent it.

    The mark commits after the email is handed over, so a crash in between sends it twice, but never not at all.
    Simultaneous jobs wait on a lock of their own: a slow mail server must not block the team.
    """
    with transaction.atomic():
        take_turns(f"invitation:{invitation_id}")
        invitation = Invitation.objects.select_related("team", "invited_by").get(pk=invitation_id)
        if invitation.mail_sent_at or not invitation.is_open():
            return False
        token = token_of(invitation_id)
        send_email(invitation_mail(invitation, token))
        # SECRET_KEY may have changed since the invitation was created: the link that was sent is the valid one.
        invitation.token_hash, invitation.mail_sent_at = hash_of(token), timezone.now()
        invitation.save(update_fields=["token_hash", "mail_sent_at"])
    return True


def invitation_link(token: str) -> str:
    """Return the email's link. The token is in the query, which the request log leaves out."""
    return f"{settings.SITE_URL}{reverse('teams:join')}?{urlencode({'token': token})}"


def invitation_mail(invitation: Invitation, token: str) -> EmailMultiAlternatives:
    """Return the email, as text and HTML."""
    address = invitation.email
    with override(language_of_address(address)), timezone.override(zone_of_address(address)):
        context = {
            "invitation": invitation,
            "invited_by": inviter_of(invitation),
            "link": invitation_link(token),
            "site_name": settings.SITE_NAME,
        }
        subject = gettext("Join %(team)s on %(site)s") % {
            "team": invitation.team.name,
            "site": settings.SITE_NAME,
        }
        mail = EmailMultiAlternatives(
            " ".join(subject.split()),  # a header has one line
            render_to_string("emails/team_invitation.txt", context),
            to=[address],
        )
        mail.attach_alternative(render_to_string("emails/team_invitation.html", context), "text/html")
    return mail
