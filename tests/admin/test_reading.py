"""The books, the purchases and the inbox are there to be read: found, followed, and never changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.inbox.models import InboxEvent
from billing.packages.models import Package
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.refunds.models import Refund
from credits.adjustments.models import Adjustment
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Hold, Lot
from tests.admin.pages import add_to, count_queries, links_on, list_of, page_of, read, rows_of
from tests.admin.rows import (
    READ_ONLY,
    Books,
    make_books,
    make_dispute,
    make_inbox_event,
    make_payment,
    make_purchase,
    make_refund,
)

pytestmark = pytest.mark.django_db

EVERY_LIST: list[type[Model]] = [*READ_ONLY, Package, User]


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_a_row_is_read_by_staff_and_changed_by_nobody(
    model: type[Model], books: Books, as_superuser: Client, as_clerk: Client
) -> None:
    row = books.row(model)
    before = model._default_manager.values().get(pk=row.pk)
    chosen = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}

    for client in (as_superuser, as_clerk):
        for url in (list_of(model), page_of(row), page_of(row, "history")):
            assert client.get(url).status_code == 200
        refused = [
            client.get(add_to(model)),
            client.post(add_to(model), {}),
            client.post(page_of(row), {}),
            client.get(page_of(row, "delete")),
            client.post(page_of(row, "delete"), {"post": "yes"}),
            client.post(list_of(model), chosen),
        ]
        assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert model._default_manager.values().get(pk=row.pk) == before


@pytest.mark.parametrize("model", EVERY_LIST, ids=lambda model: model.__name__)
def test_pages_are_written_for_people(model: type[Model], books: Books, as_superuser: Client) -> None:
    """No None, no trailing zeros, no money in cents."""
    for url in (list_of(model), page_of(books.row(model))):
        page = read(as_superuser, url)
        visible = page.split('id="content"')[1]

        assert ">None<" not in visible
        assert not re.search(r"\d\.0{3}", visible)
        assert "minor" not in visible


def test_amounts_of_credits_are_the_ones_of_the_books(books: Books, as_superuser: Client) -> None:
    for row in (books.purchase, books.account, books.lot, books.entry):
        assert "1,000" in read(as_superuser, page_of(row))
        assert "1,000" in read(as_superuser, list_of(type(row)))
    assert "$10.00" in read(as_superuser, page_of(books.purchase))


def expected_links(books: Books) -> dict[Model, list[str]]:
    """What one must be able to walk to from where."""
    user, account, purchase = books.user, books.account, books.purchase
    inbox_of_purchase = f"{list_of(InboxEvent)}?purchase__id__exact={purchase.pk}"
    return {
        user: [page_of(account), f"{list_of(Purchase)}?user__id__exact={user.pk}"],
        account: [
            page_of(user),
            f"{list_of(Lot)}?account__id__exact={account.pk}",
            f"{list_of(Entry)}?account__id__exact={account.pk}",
            f"{list_of(Hold)}?account__id__exact={account.pk}&state=all",
            f"{list_of(Adjustment)}?account__id__exact={account.pk}&state=all",
            f"{list_of(Purchase)}?account__id__exact={account.pk}",
            page_of(books.lot),
            page_of(books.entry),
            page_of(books.hold),
        ],
        purchase: [
            page_of(user),
            page_of(account),
            page_of(books.entry),
            page_of(books.package),
            page_of(books.payment),
            inbox_of_purchase,
            page_of(books.inbox_event),
        ],
        books.payment: [page_of(user), page_of(purchase), page_of(books.lot)],
        books.entry: [page_of(account), page_of(books.lot), page_of(purchase)],
        books.lot: [
            page_of(account),
            page_of(purchase),
            page_of(books.hold),
            f"{list_of(Entry)}?lot={books.lot.pk}",
        ],
        books.hold: [page_of(account), page_of(books.lot)],
        books.adjustment: [page_of(account)],
        books.purchase_event: [page_of(purchase), page_of(books.inbox_event)],
        books.inbox_event: [page_of(purchase)],
        books.job: [page_of(purchase)],
    }


def test_pages_lead_to_what_belongs_to_them(books: Books, as_superuser: Client) -> None:
    make_books()  # somebody else's, which no link may lead to

    for row, expected in expected_links(books).items():
        links = links_on(as_superuser, page_of(row))
        assert set(expected) <= links, row
        for url in expected:
            answer = as_superuser.get(url)
            assert answer.status_code == 200, url
            if "?" in url:
                assert answer.context["cl"].result_count == 1, url


def test_a_payment_leads_to_its_charge_in_the_mirror(books: Books, as_superuser: Client) -> None:
    Payment.objects.update(stripe_charge_id="ch_1")
    url = f"{reverse('admin:djstripe_charge_changelist')}?q=ch_1"

    assert url in links_on(as_superuser, page_of(books.payment))
    assert as_superuser.get(url).status_code == 200


def test_payments_and_purchases_say_how_was_paid(books: Books, as_clerk: Client) -> None:
    for url in (list_of(Payment), page_of(books.payment), page_of(books.purchase)):
        assert "Visa •••• 4242" in read(as_clerk, url), url


def test_a_purchase_shows_each_of_its_payments_and_why_one_was_not_accepted(
    books: Books, as_clerk: Client
) -> None:
    second = make_payment(books.purchase, attention="paid_twice")

    assert {page_of(books.payment), page_of(second)} <= links_on(as_clerk, page_of(books.purchase))
    page = read(as_clerk, page_of(second))
    assert "Second payment for the same purchase" in page


def test_a_payment_leads_to_what_went_back_of_it(books: Books, as_clerk: Client) -> None:
    refund, dispute = make_refund(books.purchase), make_dispute(books.purchase)

    assert {page_of(refund), page_of(dispute)} <= links_on(as_clerk, page_of(books.payment))
    for row in (refund, dispute):
        assert page_of(books.payment) in links_on(as_clerk, page_of(row))


def test_a_purchase_whose_buyer_and_package_are_gone_still_opens(books: Books, as_superuser: Client) -> None:
    books.user.delete()
    Package.objects.all().delete()

    assert books.purchase.package_name in read(as_superuser, page_of(books.purchase))
    for row in (books.account, books.lot, books.entry, books.hold):
        assert as_superuser.get(page_of(row)).status_code == 200
    assert len(rows_of(as_superuser, list_of(Purchase))) == 1


SEARCHES: list[tuple[type[Model], Callable[[Books], Any]]] = [
    (Purchase, lambda books: books.purchase.pk),
    (Purchase, lambda books: books.purchase.stripe_session_id),
    (Purchase, lambda books: books.purchase.stripe_payment_intent_id),
    (Purchase, lambda books: books.user.username),
    (Purchase, lambda books: books.user.email),
    (Payment, lambda books: books.payment.pk),
    (Payment, lambda books: books.payment.stripe_payment_intent_id),
    (Payment, lambda books: books.payment.stripe_charge_id),
    (Payment, lambda books: books.purchase.pk),
    (Payment, lambda books: books.user.email),
    (PurchaseEvent, lambda books: books.purchase.pk),
    (PurchaseEvent, lambda books: books.inbox_event.pk),
    (InboxEvent, lambda books: books.inbox_event.pk),
    (InboxEvent, lambda books: books.purchase.pk),
    (InboxEvent, lambda books: books.purchase.stripe_session_id),
    (Account, lambda books: books.account.pk),
    (Account, lambda books: books.user.email),
    (Lot, lambda books: books.purchase.pk),
    (Lot, lambda books: books.account.pk),
    (Account, lambda books: books.user.username),
    (Lot, lambda books: books.user.email),
    (Lot, lambda books: books.lot.pk),
    (Entry, lambda books: books.entry.key),
    (Entry, lambda books: books.entry.pk),
    (Entry, lambda books: books.entry.reference),
    (Entry, lambda books: books.account.pk),
    (Entry, lambda books: books.user.pk),
    (Entry, lambda books: books.user.email.upper()),
    (Hold, lambda books: books.hold.pk),
    (Hold, lambda books: books.hold.key),
    (Hold, lambda books: books.hold.reference),
    (Hold, lambda books: books.account.pk),
    (Hold, lambda books: books.user.email),
    (Adjustment, lambda books: books.adjustment.pk),
    (Adjustment, lambda books: books.adjustment.key),
    (Adjustment, lambda books: books.adjustment.reference),
    (Adjustment, lambda books: books.account.pk),
    (Adjustment, lambda books: books.user.email),
    (ProcrastinateJob, lambda books: books.job.pk),
]


@pytest.mark.parametrize(("model", "wanted"), SEARCHES)
def test_a_search_finds_the_one_row(
    model: type[Model], wanted: Callable[[Books], Any], books: Books, as_clerk: Client
) -> None:
    make_books()

    assert rows_of(as_clerk, list_of(model), q=str(wanted(books))) == [books.row(model)]


@pytest.mark.parametrize("model", [Purchase, Payment, Hold])
def test_a_person_is_found_by_the_providers_subject(
    model: type[Model], books: Books, as_clerk: Client
) -> None:
    make_books()
    subject = "5f1c77aa-0000-4000-8000-0000000000b1"
    type(books.user).objects.filter(pk=books.user.pk).update(oidc_sub=subject)

    assert rows_of(as_clerk, list_of(model), q=subject) == [books.row(model)]
    assert rows_of(as_clerk, list_of(model), q="5f1c77aa") == []
    if model is Purchase:
        assert f'title="{subject}"' in read(as_clerk, list_of(Purchase)), "shortened in the list"
        assert f">{subject}<" in read(as_clerk, page_of(books.purchase)), "whole where it is copied from"


def test_a_short_id_is_not_found_inside_another_entrys_key_or_reference(
    books: Books, as_clerk: Client
) -> None:
    for template in ("fact:{}", "{}:fact", "fact{}fact"):
        fact = template.format(books.entry.pk)
        ledger.grant(
            books.account.pk, Decimal(1), kind=Entry.Kind.ADJUSTMENT, key=fact, reference=f"of {fact}"
        )

    assert rows_of(as_clerk, list_of(Entry), q=str(books.entry.pk)) == [books.entry]


def test_a_reference_is_looked_for_among_the_newest_entries_or_in_one_account(
    books: Books, as_clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_books()
    newest = Entry.objects.latest("pk").pk
    monkeypatch.setattr("credits.statement.traces.NEWEST_LOOKED_THROUGH", newest - books.entry.pk)
    reference = books.entry.reference

    assert rows_of(as_clerk, list_of(Entry), q=reference) == []
    of_account = {"account__id__exact": str(books.account.pk)}
    assert rows_of(as_clerk, list_of(Entry), q=reference, **of_account) == [books.entry]

    monkeypatch.setattr("credits.statement.traces.NEWEST_LOOKED_THROUGH", newest - books.entry.pk + 1)
    assert rows_of(as_clerk, list_of(Entry), q=reference) == [books.entry]


@pytest.mark.parametrize("model", EVERY_LIST, ids=lambda model: model.__name__)
@pytest.mark.parametrize("nonsense", ["nonsense", "12345678901234567890", "a-b-c d", "%_'\""])
def test_a_search_for_nonsense_finds_nothing(
    model: type[Model], nonsense: str, books: Books, as_clerk: Client
) -> None:
    assert rows_of(as_clerk, list_of(model), q=nonsense) == []


def test_an_empty_list_offers_to_reset_filters_only_where_some_are_set(as_clerk: Client) -> None:
    empty, searched = read(as_clerk, list_of(Refund)), read(as_clerk, list_of(Refund), q="nonsense")
    assert ("Nothing here yet" in empty, "Reset filters" in empty) == (True, False)
    assert ("Nothing matches" in searched, "Reset filters" in searched) == (True, True)


def test_purchases_are_filtered_by_what_is_to_do(as_clerk: Client, books: Books) -> None:
    is_open = make_purchase(status="pending")
    processing = make_purchase(status="processing")
    held_back = make_purchase(status="expired", attention="amount_differs")

    assert set(rows_of(as_clerk, list_of(Purchase), todo="open")) == {is_open, processing}
    assert rows_of(as_clerk, list_of(Purchase), todo="attention") == [held_back]
    assert rows_of(as_clerk, list_of(Purchase), status__exact="completed") == [books.purchase]


def test_the_inbox_is_filtered_by_what_failed(as_clerk: Client, books: Books) -> None:
    failed = make_inbox_event(None, status="failed")

    assert rows_of(as_clerk, list_of(InboxEvent), status__exact="failed") == [failed]


def test_an_event_opens_by_its_plain_id_too(books: Books, as_clerk: Client) -> None:
    """unfold's breadcrumbs don't escape the key, and people paste it."""
    answer = as_clerk.get(f"/admin/inbox/inboxevent/{books.inbox_event.pk}/change/")

    assert answer.status_code == 200


def test_an_events_page_names_the_member_of_staff(books: Books, as_clerk: Client, superuser: User) -> None:
    PurchaseEvent.objects.create(
        purchase=books.purchase,
        what="fulfilment_rerun",
        to_status="completed",
        source="staff",
        actor_id=superuser.pk,
    )

    assert "staff: stella" in read(as_clerk, page_of(books.purchase))
    assert "staff: stella" in read(as_clerk, list_of(PurchaseEvent))


def test_a_longer_list_takes_no_more_queries(as_superuser: Client) -> None:
    urls = [*map(list_of, EVERY_LIST), reverse("admin:index")]
    for _ in range(5):
        make_books()
    with_five = {url: count_queries(as_superuser, url) for url in urls}
    for _ in range(45):
        make_books()

    assert {url: count_queries(as_superuser, url) for url in urls} == with_five
    assert len(rows_of(as_superuser, list_of(Purchase))) == 50
