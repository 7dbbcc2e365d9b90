"""Compose the emails about credits and send them."""

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

from accounts.languages import language_of, language_of_address
from accounts.models import User
from accounts.time_zones import zone_of, zone_of_address
from core.emails import send_email

# Per account and kind: more frequent notices go unread.
BETWEEN_NOTICES = timedelta(hours=24)


@dataclass(frozen=True)
class Attachment:
    """A file attached to an email."""

    name: str
    content: bytes
    content_type: str


def send_mail(
    template: str,
    context: Mapping[str, Any],
    recipient: User,
    attached: Sequence[Attachment] = (),
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send ``emails/<template>`` as text and HTML, with ``<template>_subject.txt``, in the user's language and zone.

    Where an account has several recipients, each has a job of their own: a retry repeats only what wasn't sent.

    Raises:
        AddressRefused: only another address helps.
        Exception: whatever else the mail server's backend raises.
    """
    with override(language_of(recipient)), timezone.override(zone_of(recipient)):
        _send(template, context, recipient.email, attached, headers)


def send_mail_to(template: str, context: Mapping[str, Any], address: str, sender: User | None = None) -> None:
    """Send a template to an address, such as staff's common mailbox: in the language and zone of the user who has it,
    else in the language of the user on whose behalf it is sent, or in the site's.

    Raises:
        AddressRefused, Exception: as `send_mail`.
    """
    with override(language_of_address(address, sender)), timezone.override(zone_of_address(address)):
        _send(template, context, address)


def _send(
    template: str,
    context: Mapping[str, Any],
    address: str,
    attached: Sequence[Attachment] = (),
    headers: Mapping[str, str] | None = None,
) -> None:
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
        to=[address],
        headers=dict(headers or {}),
    )
    mail.attach_alternative(render_to_string(f"emails/{template}.html", known), "text/html")
    for file in attached:
        mail.attach(file.name, file.content, file.content_type)
    send_email(mail)


def link_to(page: str, *args: object) -> str:
    return f"{settings.SITE_URL}{reverse(page, args=args)}"


def was_mailed_lately(mailed_at: datetime | None) -> bool:
    """Return whether the next notice has to wait."""
    return mailed_at is not None and mailed_at > timezone.now() - BETWEEN_NOTICES
