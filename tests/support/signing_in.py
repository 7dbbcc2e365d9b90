"""Sign a user in without a browser."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User


def sign_in(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user, backend=django_settings.PASSWORD_BACKEND)
    return client


def allow(user: User, *permissions: str) -> Client:
    """Give somebody these permissions too, and sign them in."""
    found = Permission.objects.filter(codename__in=permissions)
    assert {each.codename for each in found} == set(permissions)
    user.user_permissions.add(*found)
    return sign_in(user)
