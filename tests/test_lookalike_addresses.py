"""Wherever somebody is named by an address or a username, one who only looks like it to a case folding isn't them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from djstripe import models as djstripe

from accounts.audit.selectors import people_named
from accounts.models import User
from accounts.privacy.names import without_names
from accounts.privacy.user_data import UserData
from accounts.search import users_named
from accounts.teams.invitations import invite
from accounts.teams.membership import create_team
from accounts.teams.models import Role
from accounts.teams.personal_data import TeamsData, invitations_to
from billing.privacy.stripe_copies import count_stripe_copies
from billing.purchases.buyer_traces import Traces
from credits.errors import UnknownRecipient
from credits.gifts import giving as gifts
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from credits.ledger.selectors import get_balance
from tests.support.builders import UserFactory
from tests.support.exports import exported
from tests.support.signing_in import sign_in
from tests.teams.builders import join

pytestmark = pytest.mark.django_db

# Of each two the second has no account here unless a test makes one.
PAIRS = [("mıke@example.com", "mike@example.com"), ("ſue@example.com", "sue@example.com")]
SOURCES = [
    path
    for room in ("accounts", "backoffice", "billing", "config", "core", "credits")
    for path in Path(room).rglob("*.py")
]
OTHER_FOLDS = re.compile(
    r"__iexact|casefold\(|functions import .*\b(Upper|Lower)\b|email\w*(\.strip\(\))?\.(lower|upper)\("
    r"|\b(upper|lower)\([\w.]*(email|username)\)"
)

lookalikes = pytest.mark.parametrize(("real", "typed"), PAIRS)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    def write_grant(address: str) -> str:
        file = tmp_path / "grants.csv"
        file.write_text(f"email,amount,key,reason\n{address},5,a,Why\n")
        return str(file)

    return write_grant


def grant(file: str) -> str:
    said = StringIO()
    call_command("grant_credits", file, stdout=said, stderr=said)
    return said.getvalue()


@lookalikes
def test_a_grant_is_not_booked_to_a_lookalike(real: str, typed: str, write: Callable[[str], str]) -> None:
    lookalike = UserFactory.create(email=real)
    with pytest.raises(CommandError, match="Nothing was changed"):
        grant(write(typed))
    meant = UserFactory.create(email=typed)
    assert "1 applied" in grant(write(typed))
    assert [get_balance(user).balance for user in (meant, lookalike)] == [5, 0]


@lookalikes
def test_a_gift_does_not_go_to_a_lookalike(real: str, typed: str) -> None:
    sender, lookalike = UserFactory.create(), UserFactory.create(email=real)
    with pytest.raises(UnknownRecipient):
        gifts.find_recipient(sender, typed)
    meant = UserFactory.create(email=typed)
    assert gifts.find_recipient(sender, typed.upper()) == meant
    assert gifts.find_recipient(sender, real) == lookalike


@lookalikes
def test_whoever_looks_like_the_sender_can_be_given_to(real: str, typed: str) -> None:
    sender, other = UserFactory.create(email=real), UserFactory.create(email=typed)
    assert gifts.find_recipient(sender, typed) == other


@lookalikes
def test_the_command_does_not_erase_a_lookalike(
    real: str, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookalike = UserFactory.create(email=real)
    with pytest.raises(CommandError, match="No user matches"):
        call_command("erase_user", typed, "--yes", stdout=StringIO())
    monkeypatch.setattr(sys, "stdin", StringIO(f"{typed}\n"))
    call_command("erase_user", str(lookalike.pk), stdout=StringIO())
    assert User.objects.get(pk=lookalike.pk).erased_at is None


@lookalikes
def test_the_dialog_takes_no_lookalike_for_a_confirmation(real: str, typed: str) -> None:
    boss, person = UserFactory.create(is_staff=True, is_superuser=True), UserFactory.create(email=real)
    dialog = reverse("admin:accounts_user_erase", args=[person.pk])
    sign_in(boss).post(dialog, {"_form_submitted": "True", "confirmation": typed})
    assert User.objects.get(pk=person.pk).erased_at is None


@lookalikes
def test_staff_do_not_find_a_lookalike_in_place_of_whom_they_look_for(real: str, typed: str) -> None:
    UserFactory.create(email=real, username=real)
    assert users_named(typed) == people_named(typed) == []
    meant = UserFactory.create(email=typed, username=typed)
    assert users_named(typed.upper()) == [meant.pk]
    assert people_named(typed.upper()) == [meant.pk]


@lookalikes
def test_a_username_is_not_that_of_a_lookalike(real: str, typed: str) -> None:
    UserFactory.create(username=real.partition("@")[0], email="")
    assert users_named(typed.partition("@")[0]) == []


@lookalikes
def test_lists_of_teams_and_customers_find_no_lookalike(real: str, typed: str) -> None:
    boss = sign_in(UserFactory.create(is_staff=True, is_superuser=True))
    team = create_team(UserFactory.create(email=real, username=real), "Crew")
    djstripe.Customer.objects.create(id="cus_1", email=real, stripe_data={"id": "cus_1"}, livemode=False)
    for page, found in (("teams_team", team), ("djstripe_customer", djstripe.Customer.objects.get())):
        url = reverse(f"admin:{page}_changelist")
        assert rows(boss, url, typed) == []
        assert rows(boss, url, re.sub("[a-z]", lambda letter: letter[0].upper(), real)) == [found]


def rows(client: Client, url: str, word: str) -> list[Any]:
    return list(client.get(url, {"q": word}).context["cl"].result_list)


# --- Invitations ----------------------------------------------------------------------------------------------------


@lookalikes
def test_a_lookalike_in_the_team_keeps_nobody_from_being_invited(real: str, typed: str) -> None:
    owner = UserFactory.create()
    team = create_team(owner, "Crew")
    member = UserFactory.create(email=real)
    join(team, member)
    invitation = invite(owner, team.pk, typed, Role.MEMBER)
    assert invitation.email == typed
    assert list(invitations_to(member)) == []
    assert exported(TeamsData, "invitations.csv", member) == []
    assert [row["direction"] for row in exported(TeamsData, "invitations.csv", owner)] == ["sent"]


def test_an_invitation_goes_to_the_address_that_was_written() -> None:
    """Python's own lower case makes two characters of İ, and so another address."""
    owner = UserFactory.create()
    invitation = invite(owner, create_team(owner, "Crew").pk, "İpek@Example.com", Role.MEMBER)
    assert invitation.email == "İpek@example.com"


# --- What an erasure takes out ----------------------------------------------------------------------------------------


@lookalikes
def test_an_erasure_leaves_a_lookalike_in_notes_and_in_the_history(real: str, typed: str) -> None:
    text = f"{typed} wrote, {real.upper()} and {real} too"
    person = UserFactory.create(email=real)
    LogEntry.objects.create(user=person, object_repr=text, action_flag=CHANGE, change_message="[]")
    UserData().erase(person)
    assert LogEntry.objects.get().object_repr.startswith(f"{typed} wrote, ")
    assert LogEntry.objects.get().object_repr.endswith(f"and erased-{person.pk} too")


def test_a_name_goes_in_any_case() -> None:
    assert without_names("Zoë, ZOË", ["zoë"], "X") == "X, X"


@pytest.mark.parametrize(
    ("said", "is_theirs"),
    [
        ("ann@example.com", True),
        ("Ann@EXAMPLE.com", True),
        ("Receipt for ann@example.com.", True),
        ("joann@example.com", False),
        ("ann@example.com.au", False),
        ("mary-ann@example.com", False),
    ],
)
def test_a_copy_of_stripes_is_about_whose_whole_address_it_says(said: str, is_theirs: bool) -> None:
    customer = {"id": "cus_1", "email": said}
    djstripe.Customer.objects.create(id="cus_1", email=said, stripe_data=customer, livemode=False)
    traces = Traces(UserFactory.create().pk, frozenset(), "Ann@example.com")
    assert bool(count_stripe_copies(traces)) == is_theirs


def test_a_copy_of_stripes_may_write_an_accent_in_another_way() -> None:
    customer = {"id": "cus_1", "email": "Zoe\u0308@example.com"}
    djstripe.Customer.objects.create(id="cus_1", email="", stripe_data=customer, livemode=False)
    assert count_stripe_copies(Traces(UserFactory.create().pk, frozenset(), "zo\u00eb@example.com"))


@lookalikes
def test_a_copy_of_stripes_about_a_lookalike_is_left_alone(real: str, typed: str) -> None:
    customer = {"id": "cus_1", "email": typed}
    djstripe.Customer.objects.create(id="cus_1", email=typed, stripe_data=customer, livemode=False)
    owner = UserFactory.create()
    assert not count_stripe_copies(Traces(owner.pk, frozenset(), real))
    assert count_stripe_copies(Traces(owner.pk, frozenset(), typed.upper()))


# --- Everywhere -----------------------------------------------------------------------------------------------------


def test_nothing_folds_case_in_another_way() -> None:
    assert SOURCES
    found = [f"{path}: {fold[0]}" for path in SOURCES for fold in OTHER_FOLDS.finditer(path.read_text())]
    assert [place for place in found if "/migrations/" not in place] == []


def test_a_gift_by_an_address_arrives() -> None:
    """The whole way once, so that the tests above don't pass because nobody is found at all."""
    sender, meant = UserFactory.create(), UserFactory.create(email="Sue@example.com")
    account = ledger.open_account(sender)
    ledger.grant(account.pk, Decimal(10), kind=Entry.Kind.PURCHASE, key="bought")
    gifts.give(sender, gifts.find_recipient(sender, "sUE@example.com"), Decimal(4), "", "k")
    assert get_balance(meant).balance == 4
