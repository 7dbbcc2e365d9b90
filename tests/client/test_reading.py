"""Reads, transfers, usage prices, and what a user's own token tells."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from prepaid_credits import CreditsClient, InvalidRequest, NotAuthenticated, NotFound, UnknownAccount

from accounts.models import User
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.rates.card_file import read_card
from credits.rates.loading import load_card
from tests.client.books import balance
from tests.credits.builders import grant, open_account
from tests.support.sandbox import Sandbox

CARD = Path("credits/rates/cards/demo.toml")
BUYER_SUB = "00000000-0000-4000-8000-0000000000b1"


def test_a_balance_is_read_by_account_or_by_user(client: CreditsClient, account: Account) -> None:
    client.hold(account.pk, "2.5", expires_in=600)
    for named in (account.pk, str(account.owner_id)):
        standing = client.balance(named)
        assert standing.account == str(account.pk)
        assert (standing.balance, standing.held, standing.available) == (
            Decimal(100),
            Decimal("2.5"),
            Decimal("97.5"),
        )


def test_an_unknown_account_is_an_error_whatever_its_name(client: CreditsClient) -> None:
    for name in ("nobody", "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(UnknownAccount):
            client.balance(name)
    with pytest.raises(NotFound):
        client.balance("../transfers")


def test_entries_are_followed_over_pages_newest_first(client: CreditsClient, account: Account) -> None:
    for number in range(7):
        client.spend(account.pk, 1, key=f"job {number}", reference="work", metadata={"n": number})
    entries = list(client.entries(account.pk, page_size=3))

    assert [entry.version for entry in entries] == [8, 7, 6, 5, 4, 3, 2, 1]
    first = entries[0]
    assert (first.key, first.kind) == ("job 6", "spend")
    assert (first.amount, first.balance_after) == (Decimal(-1), Decimal(93))
    assert (first.reference, first.metadata) == ("work", {"n": 6})
    assert first.created_at == Entry.objects.get(pk=first.id).created_at
    assert [entry.kind for entry in client.entries(account.pk, kind="purchase")] == ["purchase"]


def test_credits_are_transferred_once_per_key(client: CreditsClient, account: Account) -> None:
    receiver = open_account()
    for repeated in (False, True):
        made = client.transfer(account.pk, receiver.pk, "2.5", message="Thank you", key="gift 1")
        assert (made.balance_after, made.repeated) == (Decimal("97.5"), repeated)

    assert balance(receiver) == Decimal("2.5")


def test_a_usage_is_charged_by_the_rate_card(client: CreditsClient, account: Account) -> None:
    load_card(read_card(CARD))
    usage = {"input_tokens": 1234, "output_tokens": 567}
    spent = client.spend(account.pk, model="chat-small", usage=usage)
    with client.hold(account.pk, 20, expires_in=600) as hold:
        captured = hold.capture(model="speak", usage={"seconds": Decimal("1.5")})

    assert (spent.amount, captured.amount) == (Decimal("1.169838"), Decimal("0.8625"))
    assert next(client.entries(account.pk, kind="spend")).metadata["price"]["model"] == "speak"
    with pytest.raises(InvalidRequest):
        client.spend(account.pk, model="chat-small", usage={})


def test_a_users_token_names_the_account_to_charge_and_what_a_prompt_would_cost(
    client: CreditsClient, provider: Sandbox
) -> None:
    load_card(read_card(CARD))
    buyer = User.objects.create(username="buyer", oidc_sub=BUYER_SUB)
    account = ledger.open_account(buyer)
    grant(account, 1)
    token = provider.mint("buyer")["access_token"]

    assert client.balance_of_user(token).account == str(account.pk)
    estimate = client.estimate_for_user(token, "Write a poem.", "chat-small", expected_output_tokens=2000)
    assert (estimate.affordable, estimate.available, estimate.output_tokens) == (False, Decimal(1), 2000)
    assert estimate.missing == estimate.credits - 1 > 0
    assert estimate.buy_url.endswith("/credits/")
    for nobodys in (token + "x", "", "a b", "a\r\nHost: x", "ключ"):
        with pytest.raises(NotAuthenticated):
            client.balance_of_user(nobodys)
