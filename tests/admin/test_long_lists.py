"""Lists that grow without end are paged by where a page begins: each row on one page, no counting, no sorting."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.admin.inbox.pages import InboxEventAdmin
from billing.admin.purchases.payments import PaymentAdmin
from billing.admin.purchases.purchase_events import PurchaseEventAdmin
from billing.admin.purchases.purchases import PurchaseAdmin
from billing.inbox.models import InboxEvent
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from credits.adjustments.models import Adjustment
from credits.admin import AdjustmentAdmin, EntryAdmin, HoldAdmin, LotAdmin
from credits.ledger import operations as ledger
from credits.ledger.models import Entry, Hold, Lot
from tests.admin.pages import list_of, read, rows_of
from tests.admin.rows import Books, make_adjustment, make_hold, make_inbox_event, make_payment, make_purchase

pytestmark = pytest.mark.django_db

ADMINS = (
    EntryAdmin,
    LotAdmin,
    HoldAdmin,
    InboxEventAdmin,
    PurchaseAdmin,
    PurchaseEventAdmin,
    PaymentAdmin,
    AdjustmentAdmin,
)
LONG_LISTS: list[tuple[type[Model], dict[str, str]]] = [
    (Entry, {}),
    (Entry, {"account__id__exact": "of the books"}),
    (Lot, {}),
    (Hold, {}),
    (Hold, {"state": "all"}),
    (InboxEvent, {}),
    (Purchase, {}),
    (PurchaseEvent, {}),
    (Payment, {}),
    (Adjustment, {}),
    (Adjustment, {"state": "all"}),
]
MODELS: list[type[Model]] = [Entry, Lot, Hold, InboxEvent, Purchase, PurchaseEvent, Payment, Adjustment]


@pytest.fixture
def seven_of_each(books: Books, monkeypatch: pytest.MonkeyPatch) -> Books:
    """Three to a page."""
    for admin in ADMINS:
        monkeypatch.setattr(admin, "list_per_page", 3)
    for number in range(6):
        ledger.grant(books.account.pk, Decimal(1), kind=Entry.Kind.ADJUSTMENT, key=f"grant:{number}")
        make_hold(books.purchase, "1")
        make_inbox_event(books.purchase, "applied")
        make_adjustment(books.account)
        make_payment(make_purchase(user=books.user, package=books.package))
        PurchaseEvent.objects.create(purchase=books.purchase, what="looked_at", source="staff")
    return books


def asked(books: Books, query: dict[str, str]) -> dict[str, str]:
    return {name: str(books.account.pk) if "account" in name else value for name, value in query.items()}


def page(client: Client, url: str) -> Any:
    return client.get(url).context["cl"]


@pytest.mark.parametrize(("model", "query"), LONG_LISTS)
def test_each_row_is_on_one_page_forwards_and_back(
    model: type[Model], query: dict[str, str], as_clerk: Client, seven_of_each: Books
) -> None:
    url = list_of(model)
    shown = as_clerk.get(url, asked(seven_of_each, query)).context["cl"]
    pages = [shown]
    while pages[-1].paginator.next_url:
        pages.append(page(as_clerk, url + pages[-1].paginator.next_url))

    rows = [row for each in pages for row in each.result_list]
    assert [len(each.result_list) for each in pages] == [3, 3, 1]
    assert sorted(str(row.pk) for row in rows) == sorted(
        str(pk) for pk in model._default_manager.values_list("pk", flat=True)
    )

    back = page(as_clerk, url + pages[-1].paginator.previous_url)
    assert back.result_list == pages[1].result_list
    first = page(as_clerk, url + back.paginator.previous_url)
    assert (first.result_list, first.paginator.previous_url) == (pages[0].result_list, None)
    assert page(as_clerk, url + back.paginator.first_url).result_list == pages[0].result_list


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_rows_are_counted_or_skipped(model: type[Model], as_clerk: Client, seven_of_each: Books) -> None:
    url = list_of(model)
    with CaptureQueriesContext(connection) as queries:
        after = page(as_clerk, f"{url}?_facets=True").paginator.next_url
        page(as_clerk, url + after)

    said = " ".join(query["sql"] for query in queries)
    assert "COUNT(" not in said.upper()
    assert " OFFSET " not in said


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_column_sorts(model: type[Model], as_clerk: Client, seven_of_each: Books) -> None:
    as_it_is = rows_of(as_clerk, list_of(model))

    assert rows_of(as_clerk, list_of(model), o="3") == as_it_is
    assert "?o=" not in read(as_clerk, list_of(model))


@pytest.mark.parametrize(
    "place",
    ["", "2", "beyond", "beyond,", "beyond,x", "beyond,1,2", "sideways,1", f"beyond,{10**30}"],
)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_place_that_is_none_is_the_first_page(
    model: type[Model], place: str, as_clerk: Client, seven_of_each: Books
) -> None:
    assert rows_of(as_clerk, list_of(model), p=place) == rows_of(as_clerk, list_of(model))


def test_a_page_behind_the_last_row_leads_back(as_clerk: Client, seven_of_each: Books) -> None:
    empty = page(as_clerk, f"{list_of(Entry)}?p=beyond,0")

    assert (empty.result_list, empty.paginator.previous_url, empty.paginator.next_url) == ([], None, None)
    assert empty.paginator.first_url


def test_a_filter_keeps_its_pages(as_clerk: Client, seven_of_each: Books) -> None:
    url = list_of(Entry)
    shown = page(as_clerk, f"{url}?kind__exact=adjustment")
    assert "kind__exact=adjustment" in shown.paginator.next_url

    second = page(as_clerk, url + shown.paginator.next_url)
    assert [entry.kind for entry in [*shown.result_list, *second.result_list]] == ["adjustment"] * 6
    assert second.paginator.next_url is None


def test_rows_are_counted_where_all_are_shown_and_estimated_where_nothing_is_hidden(
    as_clerk: Client, seven_of_each: Books
) -> None:
    account = str(seven_of_each.account.pk)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE credits_entry")

    assert "About 7 entries" in read(as_clerk, list_of(Entry))
    assert "About" not in read(as_clerk, list_of(Entry), account__id__exact=account).split('id="content"')[1]
    assert "1 entry" in read(as_clerk, list_of(Entry), q=seven_of_each.entry.key)
