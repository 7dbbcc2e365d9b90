"""Whatever happens, in any order: one charge for a crossing, never above the limit, never without consent."""

from __future__ import annotations

import pytest

from billing.auto_top_up.setting import standing_of
from billing.customers.methods import shown_methods
from tests.auto_top_up.random_story import Story
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
STATES = {"off", "on", "waiting", "suspended", "needs_confirmation"}


@pytest.mark.parametrize("seed", range(1))
def test_any_story_charges_once_within_the_limit_and_with_consent(
    sandbox: Sandbox, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(sandbox, seed, monkeypatch)
    story.go_through(40)
    assert standing_of(story.account).state in STATES
    assert shown_methods(story.account)
