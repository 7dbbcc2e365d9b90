"""Sample data looks as if it had happened: whole books, and purchases that agree with what came back of them."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import ForeignKey
from django.utils import timezone

from accounts.models import User
from billing.packages.models import Package
from billing.packages.pricing import offer_for
from billing.purchases.models import Purchase, PurchaseEvent
from billing.refunds.reversals import credits_for
from billing.sample_data.plan import Plan, Reserved, Sizes
from billing.sample_data.rows import Rows
from billing.sample_data.seeding import FILLED
from billing.sample_data.story import Story
from credits.ledger.models import Clawback, Entry, Lot
from credits.proof.checking import find_violations
from tests.builders import put_on_sale

# Chunks commit on a connection of their own.
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
def test_made_up_books_are_whole() -> None:
    seed()

    assert list(find_violations()) == []
    assert references_to_nothing() == []
    kinds = set(Entry.objects.values_list("kind", flat=True).distinct())
    assert kinds == {"purchase", "spend", "promotion", "expiry", "refund", "dispute", "offset"}
    assert Entry.objects.filter(owed__gt=0).exists()


def asked_entries() -> int:
    """Debts are paid off beside them, by themselves."""
    return Entry.objects.exclude(kind="offset").count()


def references_to_nothing() -> list[str]:
    """Foreign keys without their row: it is a trigger that would have refused them."""
    found = []
    for model in FILLED:
        for field in model._meta.concrete_fields:
            if isinstance(field, ForeignKey):
                there = field.related_model._default_manager.values("pk")
                rows = model._default_manager.exclude(**{field.attname: None})
                if rows.exclude(**{f"{field.attname}__in": there}).exists():
                    found.append(str(field))
    return found


@pytest.mark.usefixtures("shop")
def test_there_is_as_much_as_was_asked_for() -> None:
    said = seed()

    assert said == "Added 600 purchases and 2,400 entries of 60 buyers, seed-1-0 to seed-1-59.\n"
    assert (Purchase.objects.count(), asked_entries()) == (PURCHASES, ENTRIES)
    assert User.objects.filter(credit_account__isnull=False).exclude(email="").count() == BUYERS
    assert set(Purchase.objects.values_list("status", flat=True)) == {*Purchase.Status} - {"processing"}


@pytest.mark.usefixtures("shop")
def test_entries_and_lots_rise_with_time() -> None:
    seed()

    for model in (Entry, Lot):
        times = list(model._default_manager.order_by("pk").values_list("created_at", flat=True))
        assert times == sorted(times)


@pytest.mark.usefixtures("shop")
def test_each_credited_purchase_has_its_lot_and_its_entry() -> None:
    seed()

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


@pytest.mark.usefixtures("shop")
def test_purchases_agree_with_their_refunds_and_disputes() -> None:
    seed()

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


@pytest.mark.usefixtures("shop")
def test_the_events_of_a_purchase_lead_to_its_status() -> None:
    seed()

    last = PurchaseEvent.objects.order_by("purchase", "-id").distinct("purchase")
    assert dict(last.values_list("purchase", "to_status")) == dict(
        Purchase.objects.values_list("pk", "status")
    )


@pytest.mark.usefixtures("shop")
def test_another_run_adds_another_batch() -> None:
    seed()
    said = seed(buyers=None)

    assert said.endswith("seed-2-0 to seed-2-59.\n")
    assert (Purchase.objects.count(), asked_entries()) == (2 * PURCHASES, 2 * ENTRIES)
    assert list(find_violations()) == []


@pytest.mark.usefixtures("shop")
def test_the_same_seed_tells_the_same_story() -> None:
    now, offered = timezone.now(), [offer_for(Package.objects.get(code="pro"))]

    def told(seed: int) -> dict[Any, list[str]]:
        plan, rows = Plan(Sizes(100, 1000, 1), seed, Reserved(1, 1, 1), now), Rows()
        Story(plan, 0, offered, rows).tell(100)
        return rows.lines

    assert told(1) == told(1)
    assert told(1) != told(2)


@pytest.mark.usefixtures("shop")
def test_the_smallest_numbers_that_are_allowed_work() -> None:
    smallest = [(2, 4, 1), (40, 80, 20), (101, 202, 50)]
    for purchases, entries, buyers in smallest:
        seed(purchases=purchases, entries=entries, buyers=buyers)

    assert (Purchase.objects.count(), Entry.objects.count()) == (143, 286)
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
