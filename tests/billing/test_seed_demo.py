"""Sample data looks as if it had happened: whole books, and purchases that agree with what came back of them."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from billing.packages.models import Package
from billing.purchases.models import Purchase, PurchaseEvent
from billing.refunds.claims import credits_for
from billing.sample_data.plan import Sizes
from billing.sample_data.seeding import seed_demo
from credits.ledger.models import Account, Clawback, Entry, Lot
from credits.proof.checking import find_violations
from tests.credits.builders import grant
from tests.support.builders import put_on_sale

# Each chunk commits.
pytestmark = pytest.mark.django_db(transaction=True)

PURCHASES, ENTRIES, BUYERS = 600, 2400, 60


@pytest.fixture
def shop() -> None:
    put_on_sale()
    Package.objects.filter(code="starter").update(validity_days=30)


def seed(**options: Any) -> str:
    out = StringIO()
    sizes = {"purchases": PURCHASES, "entries": ENTRIES, "buyers": BUYERS}
    call_command("seed_demo", **{**sizes, **options}, stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("shop")
def test_a_batch_looks_as_if_it_had_happened() -> None:
    said = seed()

    assert said == "Added 600 purchases and 2,400 entries of 60 buyers, seed-1-0 to seed-1-59.\n"
    assert (Purchase.objects.count(), asked_entries()) == (PURCHASES, ENTRIES)
    assert User.objects.filter(credit_account__isnull=False).exclude(email="").count() == BUYERS
    assert set(Purchase.objects.values_list("status", flat=True)) == {*Purchase.Status} - {"processing"}
    assert list(find_violations()) == []
    kinds = set(Entry.objects.values_list("kind", flat=True).distinct())
    assert kinds == {"purchase", "spend", "promotion", "expiry", "refund", "dispute", "offset"}
    assert Entry.objects.filter(owed__gt=0).exists()
    check_times()
    check_credited_purchases()
    check_reversals()
    check_events()


def asked_entries() -> int:
    """Debts are paid off beside them, by themselves."""
    return Entry.objects.exclude(kind="offset").count()


def check_times() -> None:
    """Two years, in which entries and lots rise with time."""
    for model in (Entry, Lot):
        times = list(model._default_manager.order_by("pk").values_list("created_at", flat=True))
        assert times == sorted(times)
        assert timedelta(days=720) < times[-1] - times[0] < timedelta(days=731)
        assert times[-1] < timezone.now()


def check_credited_purchases() -> None:
    entries = {entry.key: entry for entry in Entry.objects.filter(kind=Entry.Kind.PURCHASE)}
    lots = Lot.objects.in_bulk()
    credited = Purchase.objects.filter(status__in=Purchase.CREDITED)
    assert len(entries) == credited.count()
    for purchase in credited:
        entry = entries[purchase.grant_key]
        lot = lots[entry.lots[0]]
        assert (entry.account_id, lot.account_id) == (purchase.account_id, purchase.account_id)
        assert entry.amount == lot.amount == purchase.credits
        assert (lot.cost_minor, lot.currency) == (purchase.price_minor, purchase.currency)
        assert entry.created_at == purchase.completed_at


def check_reversals() -> None:
    claims = Clawback.objects.in_bulk()
    credited = Purchase.objects.filter(status__in=Purchase.CREDITED)
    for purchase in credited.prefetch_related("payments__refunds", "payments__disputes"):
        accepted = purchase.accepted_payment
        if accepted is None:
            assert purchase.price_minor == 0
            continue
        refunds, disputes = accepted.refunds.all(), accepted.disputes.all()
        refunded, disputed = (sum(row.counted_minor or 0 for row in rows) for rows in (refunds, disputes))
        assert purchase.refunded_minor == refunded
        assert purchase.status == status_of(purchase, refunded, disputed)
        claimed = sum(claims[row.pk].amount for row in [*refunds, *disputes])
        assert claimed == credits_for(purchase, refunded + disputed)
    assert claims


def status_of(purchase: Purchase, refunded: int, disputed: int) -> str:
    if disputed:
        return "disputed"
    if not refunded:
        return "completed"
    return "refunded" if refunded == purchase.paid_minor else "partially_refunded"


def check_events() -> None:
    """The last one led to the purchase's status."""
    last = PurchaseEvent.objects.order_by("purchase", "-id").distinct("purchase")
    assert dict(last.values_list("purchase", "to_status")) == dict(
        Purchase.objects.values_list("pk", "status")
    )


@pytest.mark.usefixtures("shop")
def test_another_run_adds_another_batch() -> None:
    seed(purchases=100, entries=200, buyers=10)
    said = seed(purchases=100, entries=200, buyers=None)

    assert said.endswith("seed-2-0 to seed-2-9.\n")
    assert (Purchase.objects.count(), asked_entries()) == (200, 400)
    assert list(find_violations()) == []


@pytest.mark.usefixtures("shop")
def test_the_same_seed_tells_the_same_story() -> None:
    def told(number: int) -> list[Any]:
        with transaction.atomic():
            seed(purchases=100, entries=400, buyers=10, seed=number)
            by_account = Entry.objects.order_by("account__owner__username", "version")
            story = list(by_account.values_list("account__owner__email", "kind", "amount"))
            transaction.set_rollback(True)
        return story

    assert told(1) == told(1)
    assert told(1) != told(2)


class Stopped(Exception):
    pass


@pytest.mark.usefixtures("shop")
def test_an_interruption_leaves_whole_books_and_postgres_its_clock() -> None:
    def stop(share: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        seed_demo(Sizes(20, 2100, 2), 1, stop)

    assert 0 < asked_entries() < 2100
    assert list(find_violations()) == []
    entry = Entry.objects.get(pk=grant(Account.objects.earliest("id"), 1).entry_id)
    assert timezone.now() - entry.created_at < timedelta(hours=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace('sample_clock')")
        assert cursor.fetchone() == (None,)


@pytest.mark.usefixtures("shop")
def test_the_smallest_numbers_that_are_allowed_work() -> None:
    smallest = [(2, 4, 1), (40, 80, 20), (101, 202, 50)]
    for purchases, entries, buyers in smallest:
        seed(purchases=purchases, entries=entries, buyers=buyers)

    assert (Purchase.objects.count(), asked_entries()) == (143, 286)
    assert list(find_violations()) == []


def test_too_few_of_one_for_the_other_are_refused() -> None:
    with pytest.raises(CommandError, match="twice as many entries as purchases"):
        seed(entries=2 * PURCHASES - 1)
    for buyers in (0, PURCHASES // 2 + 1):
        with pytest.raises(CommandError, match="at least one buyer, and two purchases per buyer"):
            seed(buyers=buyers)


@pytest.mark.usefixtures("shop")
def test_it_refuses_outside_of_development(settings: Any) -> None:
    settings.DEMO = False

    with pytest.raises(CommandError, match="not a development database"):
        seed()
    assert not Purchase.objects.exists()


def test_it_needs_something_on_sale() -> None:
    with pytest.raises(CommandError, match="Nothing is on sale"):
        seed()
