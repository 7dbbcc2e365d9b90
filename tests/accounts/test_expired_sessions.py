"""Expired sessions don't stay forever, and neither does what the provider called them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import ProviderSession
from accounts.sign_in import expired_sessions
from accounts.tasks import forget_sessions
from tests.billing.calling import browser_of
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db


def test_expired_sessions_go_and_open_ones_stay(monkeypatch: Any) -> None:
    monkeypatch.setattr(expired_sessions, "ROWS_AT_ONCE", 2)  # several batches
    user = UserFactory()
    keys = [str(browser_of(user).session.session_key) for _ in range(6)]
    for key in keys:
        ProviderSession.objects.create(session_id=key, sid=key, user=user)
    Session.objects.filter(pk__in=keys[:5]).update(expire_date=timezone.now() - timedelta(seconds=1))

    forget_sessions(timestamp=0)
    assert [session.pk for session in Session.objects.all()] == keys[5:]
    assert [noted.sid for noted in ProviderSession.objects.all()] == keys[5:]
