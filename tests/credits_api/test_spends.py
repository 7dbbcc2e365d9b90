"""POST spends: one spend."""

from __future__ import annotations

from decimal import Decimal

from credits.models import Account, Entry
from tests.credits_api.calling import Service


def books(account: Account) -> tuple[Decimal, int]:
    """The balance, and how many spends there are."""
    account.refresh_from_db()
    return account.balance, Entry.objects.filter(account=account, kind="spend").count()


def test_a_spend_answers_what_is_in_the_books(service: Service, account: Account) -> None:
    answer = service.spend(account, "2.5", reference="job 1", metadata={"n": 1})
    entry = Entry.objects.get(kind="spend")

    assert answer.status_code == 201
    assert answer.json() == {
        "id": entry.pk,
        "account": str(account.pk),
        "amount": "2.5",
        "balance_after": "97.5",
        "available": "97.5",
        "held": "0",
        "reference": "job 1",
    }
    assert (entry.amount, entry.reference, entry.metadata) == (Decimal("-2.5"), "job 1", {"n": 1})
    assert answer["Content-Type"] == "application/json"
    assert (answer["Credits-Balance"], answer["Credits-Available"]) == ("97.5", "97.5")
    assert (answer["RateLimit-Limit"], answer["RateLimit-Remaining"]) == ("6000", "5999")
    assert 1 <= int(answer["RateLimit-Reset"]) <= 60


def test_the_address_answers_with_a_slash_too(service: Service, account: Account) -> None:
    assert service.post("spends/", {"account": str(account.pk), "amount": 1}).status_code == 201
