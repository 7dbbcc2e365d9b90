"""After an erasure nobody finds the person in any column of any table, and whoever leaves one step out is found out."""

from __future__ import annotations

from typing import Any

import pytest

from accounts import erasure as person
from accounts.teams import erasure as teams
from billing import erasure
from billing.erasure import erase_user
from credits import erasure as books
from tests.personal_data.scan import find_words, places
from tests.personal_data.story import WORDS, Story

pytestmark = pytest.mark.django_db(transaction=True)


def test_nothing_that_says_who_they_were_is_left_in_any_table(story: Story) -> None:
    before = places(find_words(WORDS))
    assert before >= EVERYWHERE, EVERYWHERE - before
    erase_user(story.person.pk)
    assert find_words(WORDS) == []


# Where the story leaves traces: where one of these is missing, the test above has nothing to prove there.
EVERYWHERE = {
    "accounts_user.email",
    "accounts_user.first_name",
    "accounts_user.last_name",
    "accounts_user.oidc_sub",
    "accounts_user.username",
    "billing_inboxevent.payload",
    "billing_purchase.idempotency_key",
    "billing_refund.note",
    "credits_gift.message",
    "django_admin_log.object_repr",
    "django_session.inside",
    "djstripe_charge.stripe_data",
    "djstripe_event.data",
    "djstripe_paymentmethod.stripe_data",
    "djstripe_session.stripe_data",
    "teams_invitation.email",
    "teams_team.name",
}


@pytest.mark.parametrize(
    ("room", "step", "where"),
    [
        (erasure, "hide_stripe_copies", "billing_inboxevent.payload"),
        (erasure, "hide_stripe_copies", "djstripe_charge.stripe_data"),
        (books, "forget_words", "credits_gift.message"),
        (teams, "_forget_invitations", "teams_invitation.email"),
        (person, "_end_sessions", "django_session.inside"),
        (person, "_forget_in_history", "django_admin_log.object_repr"),
    ],
)
def test_an_erasure_that_leaves_a_step_out_is_found_out(
    story: Story, monkeypatch: pytest.MonkeyPatch, room: Any, step: str, where: str
) -> None:
    monkeypatch.setattr(room, step, lambda *_args: {})
    erase_user(story.person.pk)
    assert where in places(find_words(WORDS))
