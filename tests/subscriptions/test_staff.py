"""Staff who may cancel and keep a plan for its subscriber say why, and the audit keeps it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from accounts.audit.models import AuditEntry
from accounts.models import User
from billing.admin.roles import bring_groups_up_to_date
from billing.subscriptions.models import Subscription
from tests.admin.customers.rows import url_of
from tests.admin.pages import button_of, messages_after, read
from tests.subscriptions.story import fresh, take_plan
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_staff_who_may_cancel_and_keep_a_plan_say_why(sandbox: Sandbox, ada: User) -> None:
    taken = take_plan(sandbox, ada)
    bring_groups_up_to_date()
    clerk: User = UserFactory.create(is_staff=True)
    url = button_of(taken, "cancel")
    assert sign_in(clerk).post(url, {"_form_submitted": "True", "reason": "They asked"}).status_code == 403
    assert "Cancel plan" not in read(sign_in(clerk), url_of(ada))
    clerk.groups.add(Group.objects.get(name="support"))
    as_support = sign_in(clerk)
    as_support.post(url, {"_form_submitted": "True", "reason": ""})
    assert fresh(taken).cancel_at_period_end is False
    for name, ends in (("cancel", True), ("cancel", True), ("keep", False)):
        answer = as_support.post(button_of(taken, name), {"_form_submitted": "True", "reason": "They asked"})
        assert messages_after(answer)[-1].startswith("Canceled" if ends else "Kept")
        assert fresh(taken).cancel_at_period_end is ends
        assert sandbox.objects("subscription")[0]["cancel_at_period_end"] is ends
    acts = AuditEntry.objects.filter(object_id=str(taken.pk)).order_by("at")
    assert [(entry.act, entry.actor_id, entry.beside) for entry in acts] == [
        (act, clerk.pk, {"reason": "They asked"})
        for act in ("cancellation_requested", "cancellation_requested", "continuation_requested")
    ]
    Subscription.objects.update(status="canceled")
    answer = as_support.post(url, {"_form_submitted": "True", "reason": "They asked"})
    assert messages_after(answer)[-1] == "This subscription has ended."
    assert acts.count() == 3
