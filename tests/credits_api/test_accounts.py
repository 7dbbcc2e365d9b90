"""Reading a balance and the entries behind it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from tests.credits.builders import grant
from tests.credits_api.calling import API, Service
from tests.support.builders import UserFactory


def test_a_balance_is_read_by_the_accounts_id_and_by_its_users(service: Service, account: Account) -> None:
    ledger.hold(account.pk, Decimal(30), key="h", expires_in=timedelta(hours=1))
    for name in (account.pk, account.owner_id):
        answer = service.get(f"accounts/{name}/balance")
        assert answer.json() == {
            "account": str(account.pk),
            "balance": "100",
            "available": "70",
            "held": "30",
        }
        assert (answer["Credits-Balance"], answer["Credits-Available"]) == ("100", "70")


def test_what_has_expired_counts_no_more(service: Service, account: Account) -> None:
    grant(account, 5, key="old", expires_at=timezone.now() - timedelta(seconds=1))

    assert service.get(f"accounts/{account.pk}/balance").json()["available"] == "100"


def test_a_user_without_an_account_has_nothing_yet(service: Service) -> None:
    user = UserFactory.create()

    assert service.get(f"accounts/{user.pk}/balance").json() == {
        "balance": "0",
        "available": "0",
        "held": "0",
    }
    assert service.get(f"accounts/{user.pk}/entries").json() == {"entries": []}
    assert not Account.objects.filter(owner=user).exists()


@pytest.mark.parametrize("what", ["balance", "entries"])
def test_an_account_that_is_nobodys_is_unknown(service: Service, what: str) -> None:
    for name in (uuid.uuid4(), "x", "1"):
        answer = service.get(f"accounts/{name}/{what}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_account")


def test_an_entry_shows_what_happened(service: Service, account: Account) -> None:
    service.spend(account, "2.5", key="job-1", reference="r", metadata={"n": 1})
    spend, purchase = Entry.objects.order_by("-version")
    shown = service.get(f"accounts/{account.pk}/entries").json()["entries"]

    assert shown[0] == {
        "id": spend.pk,
        "version": 2,
        "kind": "spend",
        "amount": "-2.5",
        "balance_after": "97.5",
        "key": "job-1",
        "reference": "r",
        "metadata": {"n": 1},
        "lots": [{"lot": purchase.lots[0], "amount": "-2.5"}],
        "created_at": spend.created_at.isoformat().replace("+00:00", "Z"),
    }
    assert (shown[1]["kind"], shown[1]["amount"], shown[1]["key"]) == ("purchase", "100", "fact:1")


def follow(service: Service, address: str) -> list[dict[str, Any]]:
    """The pages from this address on, by their links."""
    pages = []
    while address:
        answer = service.http.get(address.removeprefix("http://testserver"), headers=service.headers())
        pages.append(answer.json())
        address = pages[-1].get("next", "")
        assert answer.headers.get("Link", "") == (f'<{address}>; rel="next"' if address else "")
    return pages


def test_pages_follow_each_other_without_gap_whatever_comes_in(service: Service, account: Account) -> None:
    for number in range(6):
        service.spend(account, 1, reference=str(number))
    first = service.get(f"accounts/{account.pk}/entries", limit=3).json()
    service.spend(account, 1, reference="late")
    pages = [first, *follow(service, first["next"])]

    assert [len(page["entries"]) for page in pages] == [3, 3, 1]
    assert [one["version"] for page in pages for one in page["entries"]] == [7, 6, 5, 4, 3, 2, 1]
    assert "next_cursor" not in pages[-1]


def test_entries_of_one_kind(service: Service, account: Account) -> None:
    for number in range(3):
        service.spend(account, 1)
        grant(account, 1, key=f"more:{number}")
    path = f"{API}accounts/{account.pk}/entries"
    spends, purchases = (follow(service, f"{path}?limit=2&kind={kind}") for kind in ("spend", "purchase"))

    assert [one["version"] for page in spends for one in page["entries"]] == [6, 4, 2]
    assert [one["version"] for page in purchases for one in page["entries"]] == [7, 5, 3, 1]


def test_entries_that_follow_exactly_end_a_page_without_a_next(service: Service, account: Account) -> None:
    service.spend(account, 1)

    assert "next" not in service.get(f"accounts/{account.pk}/entries", limit=2).json()


def test_a_query_that_is_wrong_is_named(service: Service, account: Account) -> None:
    path = f"accounts/{account.pk}/entries"
    for name, values in (
        ("limit", ("0", "201", "x", "-1", "1.5", "")),
        ("kind", ("gift", "")),
        ("cursor", ("x", "djox", "dj", "é", "v:1", "djotMQ", "djowMQ", "djo5OTk5OTk5OTk5OTk5OTk5OTk5OTk5")),
        ("page", ("1",)),
    ):
        for value in values:
            answer = service.get(path, **{name: value})
            if (name, value) == ("cursor", "djox"):  # "v:1": nothing is before the first entry
                assert answer.json() == {"entries": []}
                continue
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), (name, value)
            assert answer.json()["errors"][0]["attr"] == name
    assert len(service.get(path, limit="200").json()["entries"]) == 1


def test_head_asks_as_get_does(service: Service, account: Account) -> None:
    answer = service.http.head(f"{API}accounts/{account.pk}/balance", headers=service.headers())

    assert (answer.status_code, answer["Credits-Balance"]) == (200, "100")
