"""The two ways to erase somebody: the dialog on their page and the command. Both ask, and say what came of it."""

from __future__ import annotations

import io
import sys
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.admin.roles import bring_groups_up_to_date
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from tests.personal_data.scan import find_words
from tests.personal_data.story import EMAIL, WORDS, Story, buy
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person(sandbox: Sandbox) -> User:
    sandbox.hold_webhooks()
    user: User = UserFactory.create(username="zeno", email="Zeno@example.net")
    return user


@pytest.fixture
def finance(db: None) -> Client:
    bring_groups_up_to_date()
    member = UserFactory.create(username="fay", is_staff=True)
    member.groups.add(member.groups.model.objects.get(name="finance"))
    return sign_in(member)


def dialog(user: User) -> str:
    return reverse("admin:accounts_user_erase", args=[user.pk])


def page(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.pk])


def ask(client: Client, user: User, **answers: str) -> Any:
    """Presses the dialog's button."""
    return client.post(dialog(user), {"_form_submitted": "True", **answers})


def told(client: Client, user: User) -> str:
    return client.get(page(user)).content.decode()


# --- The dialog -----------------------------------------------------------------------------------------------------


def test_the_dialog_erases_whose_address_is_typed(finance: Client, person: User) -> None:
    assert "Erase" in told(finance, person)
    ask(finance, person, confirmation=" zeno@EXAMPLE.net ")
    assert User.objects.get(pk=person.pk).erased_at is not None
    after = told(finance, person)
    assert f"erased-{person.pk}" in after
    assert dialog(person) not in after
    assert not find_words(["zeno@example.net"])
    assert LogEntry.objects.get(object_id=str(person.pk)).change_message == "Erased"


def test_another_address_erases_nobody(finance: Client, person: User) -> None:
    answer = ask(finance, person, confirmation="zeno")
    assert "match the user’s email or username" in answer.content.decode()
    assert User.objects.get(pk=person.pk).erased_at is None


def test_the_dialog_says_what_is_in_the_way_and_what_to_do_at_stripe(
    sandbox: Sandbox, finance: Client, person: User
) -> None:
    purchase = buy(sandbox, person)
    ledger.hold(purchase.account_id, Decimal(5), key="job", expires_in=timedelta(hours=1))
    shown = finance.get(dialog(person)).content.decode()
    assert "on hold for work in progress" in shown
    assert purchase.stripe_customer_id in shown
    ask(finance, person, confirmation=person.email, forfeit="on")
    assert "on hold for work in progress" in told(finance, person)
    assert User.objects.get(pk=person.pk).erased_at is None
    assert "Erasure blocked: holds_open" in LogEntry.objects.latest("id").change_message


def test_paid_credits_go_only_where_that_is_ticked(finance: Client, person: User) -> None:
    ledger.grant(ledger.open_account(person).pk, Decimal(7), kind=Entry.Kind.PURCHASE, key="bought")
    ask(finance, person, confirmation=person.email)
    assert User.objects.get(pk=person.pk).erased_at is None
    ask(finance, person, confirmation=person.email, forfeit="on")
    assert User.objects.get(pk=person.pk).erased_at is not None


def test_it_takes_a_post_with_its_token_and_the_permission(person: User) -> None:
    clerk = UserFactory.create(is_staff=True)
    assert ask(sign_in(clerk), person, confirmation=person.email).status_code == 403
    admin = UserFactory.create(is_staff=True, is_superuser=True)
    guarded = sign_in(admin, enforce_csrf_checks=True)
    assert ask(guarded, person, confirmation=person.email).status_code == 403
    sign_in(admin).get(dialog(person), {"confirmation": person.email})
    assert User.objects.get(pk=person.pk).erased_at is None


def test_nobody_erases_themselves_or_a_superuser(finance: Client, sandbox: Sandbox) -> None:
    boss = UserFactory.create(is_staff=True, is_superuser=True)
    fay = User.objects.get(username="fay")
    for who in (boss, fay):
        assert ask(finance, who, confirmation=who.email).status_code == 403
    assert not User.objects.filter(erased_at__isnull=False).exists()


def test_an_erased_persons_page_takes_no_edit(person: User) -> None:
    client = sign_in(UserFactory.create(is_staff=True, is_superuser=True))
    ask(client, person, confirmation=person.email)
    assert client.post(page(person), {"username": "zeno", "email": person.email}).status_code == 403


# --- The command ----------------------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("erase_user", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_erases_and_says_what_is_left_to_do(story: Story) -> None:
    said = run(EMAIL.upper(), "--yes")
    assert "Erased." in said
    assert story.purchase.stripe_customer_id in said
    assert find_words(WORDS) == []
    assert "Nothing to do" in run(str(story.person.pk), "--yes")


def test_a_dry_run_counts_and_changes_nothing(story: Story) -> None:
    before = len(find_words(WORDS))
    said = run(EMAIL, "--dry-run")
    assert "2 gift messages" in said
    assert "webhook events" in said
    assert len(find_words(WORDS)) == before


def test_the_command_asks_first(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    assert "Nothing was changed." in run(person.email)
    assert User.objects.get(pk=person.pk).erased_at is None
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{person.email}\n"))
    assert "Erased." in run(person.email)


def test_the_command_exits_with_1_where_something_is_in_the_way(person: User) -> None:
    ledger.grant(ledger.open_account(person).pk, Decimal(7), kind=Entry.Kind.PURCHASE, key="bought")
    with pytest.raises(SystemExit) as left:
        run(person.email, "--yes")
    assert left.value.code == 1
    assert "7 credits were forfeited" in run(person.email, "--yes", "--forfeit")


def test_an_address_of_several_names_nobody(person: User) -> None:
    UserFactory.create(email=person.email.lower())
    with pytest.raises(CommandError, match="Several users"):
        run(person.email, "--yes")
    with pytest.raises(CommandError, match="No user matches"):
        run("nobody@example.net", "--yes")
