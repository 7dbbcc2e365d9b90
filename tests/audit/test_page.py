"""The audit's page: the newest first, found by what is asked for, in a bounded number of queries, for whom it may."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.audit.admin import AuditEntryAdmin
from accounts.audit.models import AuditEntry
from accounts.models import User
from billing.purchases.models import Purchase
from tests.admin.forms import form_of
from tests.admin.pages import list_of, page_of, read, rows_of
from tests.admin.rows import Books, make_purchase, make_refund
from tests.audit.entries import ADDRESS, entries_about, latest
from tests.support.builders import UserFactory
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

AUDIT = list_of(AuditEntry)
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def make_entry(**facts: Any) -> AuditEntry:
    return AuditEntry.objects.create(**{"act": "changed", "kind": "packages.package", **facts})


def found(client: Client, **query: str) -> list[AuditEntry]:
    return rows_of(client, AUDIT, **query)


@pytest.fixture
def edited(as_superuser: Client, books: Books) -> AuditEntry:
    as_superuser.post(page_of(books.package), form_of(books.package, price="12.00", validity_days="30"))
    return entries_about(books.package)[-1]


# --- What stands there ------------------------------------------------------------------------------------------------


def test_an_entry_says_who_did_what_before_and_after_and_from_where(
    as_superuser: Client, superuser: User, edited: AuditEntry, books: Books
) -> None:
    for page in (read(as_superuser, AUDIT), read(as_superuser, page_of(edited))):
        text = " ".join(page.split())
        assert f'href="{page_of(superuser)}">stella</a>' in text
        assert (
            f'Changed package <a class="admin-link" href="{page_of(books.package)}">{books.package.code}'
            in text
        )
        assert ADDRESS in text
        assert page_of(books.package) in text
        assert edited.request_id[:6] in text
    assert '<th scope="row">Price</th><td>$10.00</td><td>$12.00</td>' in text
    assert '<th scope="row">Validity in days</th><td>-</td><td>30</td>' in text
    assert "<dt>Price</dt> <dd>$10.00 → $12.00</dd>" in read(as_superuser, AUDIT)


def test_money_of_currencies_without_a_smaller_unit_and_credits_are_written_as_elsewhere(
    as_superuser: Client,
) -> None:
    purchase = make_purchase(list_price_minor=4500, currency="jpy", credits=5000)
    Purchase.objects.filter(pk=purchase.pk).update(credits=6000, list_price_minor=4600)
    text = read(as_superuser, page_of(latest("purchases.purchase")))
    assert "<td>¥4,500</td><td>¥4,600</td>" in text
    assert "<td>5,000</td><td>6,000</td>" in text


def test_people_are_called_what_they_are_called_now(as_superuser: Client, clerk: User) -> None:
    entry = make_entry(kind="refunds.refund", actor_id=clerk.pk, after={"asked_by": str(clerk.pk)})
    User.objects.filter(pk=clerk.pk).update(username="caroline")
    assert read(as_superuser, page_of(entry)).count("caroline") == 2

    User.objects.filter(pk=clerk.pk).delete()
    text = read(as_superuser, page_of(entry))
    assert "caroline" not in text
    assert str(clerk.pk) in text


def test_what_is_of_no_known_kind_is_shown_all_the_same(as_superuser: Client) -> None:
    entry = make_entry(kind="shop.gone", act="mended_it", object_id="7", after={"size": [1, 2]})
    text = read(as_superuser, page_of(entry))
    assert "Mended it shop.gone 7" in " ".join(text.split())
    assert "<td>1, 2</td>" in text


def test_markup_in_a_value_is_shown_and_not_run(as_superuser: Client) -> None:
    make_entry(object_name="<script>a</script>", after={"name": "<script>b</script>"}, address="<script>c")
    page = as_superuser.get(AUDIT).content.decode()
    for text in ("<script>a", "<script>b", "<script>c"):
        assert text not in page


def test_an_empty_search_says_so(as_superuser: Client) -> None:
    assert found(as_superuser, q="nothing-of-this-name") == []
    assert "Nothing matches" in read(as_superuser, AUDIT, q="nothing-of-this-name")


# --- Searching --------------------------------------------------------------------------------------------------------


def test_entries_are_found_by_what_was_done_to_what_when_by_whom_and_from_where(
    as_superuser: Client, clerk: User
) -> None:
    wanted = make_entry(
        act="downloaded",
        kind="purchases.purchase",
        object_id="77",
        object_name="purchases",
        actor_id=clerk.pk,
        address="2001:db8::7",
        request_id="5f0d3c1e-0000-4000-8000-000000000001",
        at=NOON,
    )
    make_entry(at=datetime(2026, 3, 6, tzinfo=UTC)), make_entry(at=datetime(2026, 3, 4, 23, 59, tzinfo=UTC))
    days = {"at_from": "2026-03-05", "at_to": "2026-03-05"}
    searches = [
        {"q": "2001:db8::7"}, {"q": wanted.request_id}, {"q": "77"}, {"q": "carl"}, {"q": "carl@example.com"},
        {"q": "CARL@example.com"}, {"q": "purchases"}, {"who": "carl"}, {"who": str(clerk.pk)},
        {"about": "purchases.purchase", "object_id__exact": "77"}, {"done": "downloaded"}, days,
        {"who": "carl", "about": "purchases.purchase", "done": "downloaded", **days},
    ]  # fmt: skip
    for query in searches:
        assert found(as_superuser, **query) == [wanted], query
    assert found(as_superuser, who="nobody") == []
    assert wanted not in found(as_superuser, who="carl", at_from="2026-03-06")
    assert found(as_superuser, at_from="2026-02-31", at_to="x")


def test_the_newest_comes_first(as_superuser: Client) -> None:
    late, early, later = (
        make_entry(at=NOON),
        make_entry(at=datetime(2025, 1, 1, tzinfo=UTC)),
        make_entry(at=NOON),
    )
    assert found(as_superuser, at_to="2026-03-05") == [later, late, early]


def test_a_page_leads_to_what_was_done_to_its_row(
    as_superuser: Client, edited: AuditEntry, books: Books
) -> None:
    audited = [books.package, books.purchase, books.adjustment, books.hold, books.user, books.inbox_event]
    for row in [*audited, make_refund(books.purchase), Group.objects.get(name="finance")]:
        link = f"{AUDIT}?about={row._meta.label_lower}&object_id__exact={row.pk}"
        assert link in read(as_superuser, page_of(row)), row
    about = {"about": "packages.package", "object_id__exact": str(books.package.pk)}
    assert found(as_superuser, **about)[0] == edited
    assert f"{AUDIT}?" not in read(as_superuser, page_of(books.entry))


# --- How much it reads ------------------------------------------------------------------------------------------------


def queries_of(client: Client, **query: str) -> int:
    """Without the one that estimates how many rows there are, where they fill more than a page."""
    with CaptureQueriesContext(connection) as queries:
        read(client, AUDIT, **query)
    return len([query for query in queries if "reltuples" not in query["sql"]])


@pytest.mark.parametrize(
    "query",
    [{}, {"who": "stella"}, {"q": "stella"}, {"about": "accounts.user"}, {"at_from": "2020-01-01"}],
    ids=str,
)
def test_five_entries_take_as_many_queries_as_five_hundred(
    query: dict[str, str], as_superuser: Client, superuser: User
) -> None:
    def fill(count: int) -> None:
        people = User.objects.bulk_create(UserFactory.build_batch(count))
        AuditEntry.objects.bulk_create(
            AuditEntry(act="changed", kind="accounts.user", object_id=str(user.pk), actor_id=superuser.pk)
            for user in people
        )

    fill(5)
    few = queries_of(as_superuser, **query)
    fill(495)
    assert queries_of(as_superuser, **query) == few
    assert few <= 12


def test_each_entry_is_on_one_page(as_superuser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AuditEntryAdmin, "list_per_page", 3)
    made = [make_entry(at=NOON) for _number in range(7)]
    url, seen = f"{AUDIT}?at_to=2026-03-05", []
    while url:
        page = as_superuser.get(url).context["cl"]
        seen += page.result_list
        url = page.paginator.next_url and AUDIT + page.paginator.next_url
    assert seen == made[::-1]


# --- For whom ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["support", "finance", "catalogue", "nobody"])
def test_finance_reads_it_and_the_other_groups_see_nothing_of_it(group: str, books: Books) -> None:
    user = UserFactory.create(is_staff=True)
    user.groups.set(Group.objects.filter(name=group))
    client, entry = sign_in(user), make_entry()

    may = group == "finance"
    for url in (AUDIT, page_of(entry)):
        assert client.get(url).status_code == (200 if may else 403), url
    for url in ("/admin/", page_of(books.package)):
        assert (AUDIT in client.get(url).content.decode()) is may, url


def test_nobody_adds_changes_or_deletes_an_entry(as_superuser: Client) -> None:
    entry = make_entry()
    assert as_superuser.get(f"{AUDIT}add/").status_code == 403
    assert as_superuser.post(page_of(entry), {"act": "nothing"}).status_code == 403
    assert as_superuser.post(page_of(entry, "delete"), {"post": "yes"}).status_code == 403
    assert as_superuser.post(AUDIT, {"action": "delete_selected", "post": "yes"}).status_code == 403
