"""What pghistory kept of a model before there was one audit is taken over, with who and what it was before."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connection

from accounts.audit.models import AuditEntry
from accounts.audit.operations import move_history
from tests.audit.entries import changes

pytestmark = pytest.mark.django_db

SOMEBODY = "5f0d3c1e-0000-4000-8000-000000000009"
KEPT = f"""
CREATE TEMPORARY TABLE kept_event (
    pgh_id serial, pgh_created_at timestamptz, pgh_label text, pgh_obj_id int, pgh_context_id uuid,
    code text, price_minor bigint, currency text, secret text
);
INSERT INTO pghistory_context (id, created_at, updated_at, metadata)
VALUES (gen_random_uuid(), now(), now(), '{{"user": "{SOMEBODY}", "url": "/admin/x"}}');
INSERT INTO kept_event (pgh_created_at, pgh_label, pgh_obj_id, pgh_context_id, code, price_minor, currency, secret)
SELECT '2026-01-01'::timestamptz + days * interval '1 day', label, obj, CASE WHEN days = 1 THEN id END, 'p', price,
    'usd', 'x'
FROM pghistory_context, (VALUES
    (0, 'insert', 1, 100), (1, 'update', 1, 200), (2, 'update', 2, 5), (3, 'update', 1, 200), (4, 'delete', 1, 200)
) v (days, label, obj, price);
"""


def test_an_earlier_history_is_taken_over() -> None:
    columns = ["code", "price_minor"]
    with connection.cursor() as cursor:
        cursor.execute(KEPT)
        cursor.execute(
            str(move_history("kept_event", "shop.kept", columns, named_by="code", beside=["currency"]).sql)
        )

    entries = AuditEntry.objects.filter(kind="shop.kept").order_by("at")
    assert [(entry.act, entry.object_id, changes(entry)) for entry in entries] == [
        ("created", "1", {"code": (None, "p"), "price_minor": (None, 100)}),
        ("changed", "1", {"price_minor": (100, 200)}),
        ("changed", "2", {"code": (None, "p"), "price_minor": (None, 5)}),  # what it was before is not known
        ("deleted", "1", {"code": ("p", None), "price_minor": (200, None)}),
    ]
    by_somebody = entries[1]
    assert (by_somebody.actor_id, by_somebody.page) == (UUID(SOMEBODY), "/admin/x")
    assert (by_somebody.object_name, by_somebody.beside, by_somebody.program) == (
        "p",
        {"currency": "usd"},
        "pghistory",
    )
    assert entries[0].actor_id is None
