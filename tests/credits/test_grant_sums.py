"""`grant_credits` finds a sum that no account can have while it checks: over lines, batches and what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from credits.adjustments import bulk_grants
from credits.ledger import operations as ledger
from credits.ledger.selectors import get_balance
from credits.management.commands.grant_credits import Command
from tests.credits.builders import grant
from tests.credits.granting import run
from tests.support.builders import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("limit")]


def test_a_sum_that_no_account_can_have_is_found_before_anything_is_booked(
    ada: User, write: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several lines, in different batches, with what the account has; for whoever has no account yet as well."""
    monkeypatch.setattr(bulk_grants, "LINES_AT_ONCE", 2)
    UserFactory.create(email="grace@example.com")
    grant(ledger.open_account(ada), "600000000000000000")
    file = write(
        "ada@example.com,200000000000000000,a,Why",
        "grace@example.com,700000000000000000,b,Why",
        "ada@example.com,1,c,Why",
        "ada@example.com,200000000000000000,d,Why",
        "grace@example.com,300000000000000000,e,Why",
        "ada@example.com,100000000000000000,f,Why",
    )
    said, mistakes = run(file, "--above-limit")

    assert said == "failed: 2 lines are wrong. Nothing was changed."
    assert mistakes == [
        f"line {line}: amount: it would bring the account to 10^18 credits or more" for line in (5, 6)
    ]
    assert get_balance(ada).balance == 600000000000000000


def test_up_to_the_bound_all_of_it_is_booked(ada: User, write: Callable[..., str]) -> None:
    grant(ledger.open_account(ada), "900000000000000000")
    half = "49999999999999999.999999"
    file = write(f"ada@example.com,{half},a,Why", f"ada@example.com,{half},b,Why")
    assert run(file, "--above-limit")[0].startswith("2 applied, 99,999,999,999,999,999.999998 credits;")
    assert (
        run(file, "--above-limit")[0] == "0 applied, 0 credits; 2 already applied."
    )  # a repeat adds nothing


def test_what_another_brought_meanwhile_is_a_line_that_is_not_booked(
    ada: User, write: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found while it books: the other lines are booked."""
    account = ledger.open_account(ada)
    file = write("ada@example.com,2,a,Why", "ada@example.com,1,b,Why")
    check = Command._check

    def check_and_grant(command: Any, *args: Any) -> Any:
        checked = check(command, *args)
        grant(account, "999999999999999998")
        return checked

    monkeypatch.setattr(Command, "_check", check_and_grant)
    said, mistakes = run(file)

    assert said.splitlines()[-1].startswith("failed: 1 line is not applied.")
    assert len(mistakes) == 1
    assert "below 10^18 credits" in mistakes[0]
    assert get_balance(ada).balance == 999999999999999999
