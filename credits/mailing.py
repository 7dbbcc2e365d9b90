"""How the mails about credits are made and sent once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from accounts.models import User
from accounts.time_zones import zone_of

# Of one account and one kind: a notice that comes more often is read by nobody.
BETWEEN_NOTICES = timedelta(hours=24)


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    content: bytes
    content_type: str


def send_mail(
    template: str, context: Mapping[str, Any], people: Sequence[User], attached: Sequence[Attachment] = ()
) -> None:
    """Sends ``emails/<template>`` as text and HTML, its subject from ``<template>_subject.txt``; to nobody: nothing.

    Times are in the reader's zone, or in the site's where there are several.
    """
    zone = zone_of(people[0]) if len(people) == 1 else timezone.get_default_timezone()
    with timezone.override(zone):
        send_mail_to(template, context, [person.email for person in people], attached)


def send_mail_to(
    template: str, context: Mapping[str, Any], addresses: Sequence[str], attached: Sequence[Attachment] = ()
) -> None:
    """As `send_mail`, to whom no account belongs: staff's common mailbox. Times are in the current zone."""
    if not addresses:
        return
    with override(settings.LANGUAGE_CODE):
        known = {
            "site_name": settings.SITE_NAME,
            "statement_url": link_to("credits-statement"),
            "buy_url": link_to("credits"),
            **context,
        }
        subject = render_to_string(f"emails/{template}_subject.txt", known)
        mail = EmailMultiAlternatives(
            " ".join(subject.split()),  # a header has one line
            render_to_string(f"emails/{template}.txt", known),
            to=list(addresses),
        )
        mail.attach_alternative(render_to_string(f"emails/{template}.html", known), "text/html")
    for file in attached:
        mail.attach(file.name, file.content, file.content_type)
    mail.send()


def link_to(page: str, *args: object) -> str:
    return f"{settings.SITE_URL}{reverse(page, args=args)}"


def was_mailed_lately(mailed_at: datetime | None) -> bool:
    """Whether the next notice has to wait."""
    return mailed_at is not None and mailed_at > timezone.now() - BETWEEN_NOTICES
