"""Automatic top-up: one charge for a crossing that closes the gap, within the limit, and never without consent."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, close_old_connections, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.auto_top_up import attempts
from billing.auto_top_up.attempts import charged_this_month, top_up
from billing.auto_top_up.deciding import Lot, Verdict, how_many, month_of, next_month, retry_after, verdict
from billing.auto_top_up.models import Attempt, AutoTopUp, Pause
from billing.auto_top_up.setting import Wish, standing_of, try_again, turn_off, turn_on
from billing.auto_top_up.staff import pause_all, resume, resume_all, suspend
from billing.auto_top_up.watching import watch
from billing.errors import ConsentMissing, InvalidLimit, MayNotManageBilling, NoPaymentMethod, UnknownPackage
from billing.purchases.models import Purchase
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.ledger.operations import open_account
from tests.auto_top_up.saving import off_session, paid, save_card, set_up, spend_all_but, tick
from tests.billing.worker import run_worker
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(email="ada@example.com")
    return user


@pytest.fixture
def account(sandbox: Sandbox, ada: User) -> Account:
    """With 1,000 credits and a saved card."""
    return save_card(sandbox, ada)


def test_a_crossing_is_charged_once_by_the_worker(sandbox: Sandbox, ada: User, account: Account) -> None:
    row = set_up(ada, account)
    assert watch() == 0
    spend_all_but(account, 499)
    assert watch() == 1
    assert watch() == 0  # asked for once
    run_worker()
    sandbox.wait_for_webhooks()

    account.refresh_from_db()
    assert account.balance == 1499
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.auto_top_up, attempt.amount_minor) == ("succeeded", row, 1000)
    assert (attempt.purchase.consent, attempt.purchase.user) == (row.consent, ada)
    assert str(charged_this_month(row)) == "$10.00"
    assert watch() == 0
    (intent,) = paid(sandbox)
    assert intent["metadata"]["consent_id"] == str(row.consent_id)


def test_one_charge_closes_the_whole_gap(sandbox: Sandbox, ada: User, account: Account) -> None:
    set_up(ada, account, threshold=4200)
    tick()
    account.refresh_from_db()
    assert account.balance == 1000 + 4 * 1000
    purchase = Attempt.objects.get().purchase
    assert (purchase.package_name, purchase.price_minor, purchase.paid_minor) == (
        "4 × Starter Pack",
        4000,
        4000,
    )
    assert len(paid(sandbox)) == 1


def test_an_amount_can_be_bought_too(sandbox: Sandbox, ada: User, account: Account) -> None:
    set_up(ada, account, threshold=1500, amount=Decimal("12.00"), currency="usd")
    tick()
    assert Attempt.objects.get().amount_minor == 1200
    account.refresh_from_db()
    assert account.balance > 1500


def test_fifty_spends_that_cross_at_once_make_one_attempt(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    row = set_up(ada, account)

    def act(number: int) -> None:
        try:
            ledger.spend(account.pk, Decimal(15), key=f"job-{number}", reference="job")
            watch()
            if number % 10 == 0:
                top_up(row.pk)
        finally:
            close_old_connections()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(50)))
    tick()
    assert Attempt.objects.count() == len(paid(sandbox)) == 1
    account.refresh_from_db()
    assert account.balance == 1000 - 50 * 15 + 1000


def test_without_its_lock_and_index_several_attempts_would_begin(
    sandbox: Sandbox, ada: User, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the race above: the database alone stops the second."""
    row = set_up(ada, account, threshold=2000)
    monkeypatch.setattr("billing.auto_top_up.attempts._is_due", lambda _row: True)
    monkeypatch.setattr("billing.auto_top_up.attempts._charge", lambda _purchase: None)
    top_up(row.pk)
    with pytest.raises(IntegrityError, match="top_up_attempt_one_open"):
        attempts._begin(row.pk)


def test_the_limit_counts_what_is_pending_and_refunds_dont_reopen_it(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    row = set_up(ada, account, threshold=3000, limit=25)
    tick()
    account.refresh_from_db()
    assert account.balance == 3000  # two of the three packs... which is enough for this crossing
    spend_all_but(account, 100)
    assert tick() == 1
    row.refresh_from_db()
    assert Attempt.objects.count() == 1
    assert (row.state, row.limit_reached_in) == ("on", month_of(timezone.now()))
    assert row.retry_at == next_month(timezone.now())
    assert standing_of(account).state == "waiting"
    assert tick() == 0


def test_the_database_holds_the_limit_and_the_one_open_attempt(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    row = set_up(ada, account, limit=20)
    purchases = [
        Purchase.objects.create(
            user=ada, account=account, package_code="starter", package_name="Starter", credits=1000,
            price_minor=1000, list_price_minor=1000, currency="usd", discount_percentage=0,
        )
        for _ in range(3)
    ]  # fmt: skip
    month = month_of(timezone.now())
    ended = {"outcome": "succeeded", "ended_at": timezone.now()}
    for purchase in purchases[:2]:
        Attempt.objects.create(purchase=purchase, auto_top_up=row, amount_minor=1000, month=month, **ended)
    with pytest.raises(IntegrityError, match="are charged or pending"), transaction.atomic():
        Attempt.objects.create(purchase=purchases[2], auto_top_up=row, amount_minor=1, month=month)
    # Failed ones don't count, and the next month starts from zero.
    Attempt.objects.filter(purchase=purchases[0]).update(outcome="failed")
    Attempt.objects.create(purchase=purchases[2], auto_top_up=row, amount_minor=1000, month=month)


def test_a_spend_costs_nothing_more(sandbox: Sandbox, ada: User, account: Account) -> None:
    def statements(key: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            ledger.spend(account.pk, Decimal(1), key=key, reference="job")
        return len(queries)

    without = statements("a")
    set_up(ada, account, threshold=998)
    assert statements("b") == statements("c") == without


def test_a_lost_answer_is_found_and_not_charged_again(sandbox: Sandbox, ada: User, account: Account) -> None:
    row = set_up(ada, account, threshold=1500)
    sandbox.hold_webhooks()
    sandbox.fault(method="POST", path="/v1/payment_intents", status=None, after=True, times=20)
    assert tick() == 1
    row.refresh_from_db()
    assert (row.state, row.declines, standing_of(account).state) == ("on", 0, "charging")
    sandbox.delete("/_sandbox/faults")
    top_up(row.pk)
    top_up(row.pk)
    account.refresh_from_db()
    assert account.balance == 2000
    assert len(paid(sandbox)) == Attempt.objects.count() == 1


def test_stripe_away_is_no_decline(sandbox: Sandbox, ada: User, account: Account, settings: Any) -> None:
    row = set_up(ada, account, threshold=1500)
    sandbox.fault(method="POST", path="/v1/payment_intents", status=503, times=20)
    tick()
    top_up(row.pk)
    sandbox.delete("/_sandbox/faults")
    settings.SWEEP_AFTER = datetime.timedelta(0)
    top_up(row.pk)  # nothing is found at Stripe: it failed
    row.refresh_from_db()
    assert (row.state, row.declines, Attempt.objects.get().outcome) == ("on", 0, "failed")
    assert row.retry_at is not None
    AutoTopUp.objects.update(retry_at=None)
    settings.SWEEP_AFTER = datetime.timedelta(minutes=15)
    tick()
    assert [each.outcome for each in Attempt.objects.all()] == ["succeeded", "failed"]
    assert len(paid(sandbox)) == 1


def test_turning_it_off_ends_what_is_under_way(sandbox: Sandbox, ada: User, account: Account) -> None:
    row = set_up(ada, account, threshold=1500)
    sandbox.fault(method="POST", path="/v1/payment_intents", status=503, times=20)
    tick()
    sandbox.delete("/_sandbox/faults")
    turn_off(ada, account)
    top_up(row.pk)
    row.refresh_from_db()
    assert row.consent is not None
    assert (row.state, row.consent.withdrawn_at is None, paid(sandbox)) == ("off", False, [])
    assert Attempt.objects.get().outcome == "failed"
    assert tick() == 0
    set_up(ada, account, threshold=1500)  # on again: a new consent
    tick()
    assert len(paid(sandbox)) == 1


def test_it_needs_consent_a_card_a_limit_and_the_right(sandbox: Sandbox, ada: User, account: Account) -> None:
    def wish(**other: Any) -> Wish:
        return Wish(
            **{"threshold": Decimal(5), "monthly_limit": Decimal(50), "package_code": "starter", **other}
        )

    with pytest.raises(ConsentMissing):
        turn_on(ada, account, wish())
    with pytest.raises(InvalidLimit):
        turn_on(ada, account, wish(monthly_limit=Decimal(9), consents=True))
    with pytest.raises(InvalidLimit):
        turn_on(ada, account, wish(monthly_limit=Decimal("50.001"), consents=True))
    with pytest.raises(UnknownPackage):
        turn_on(ada, account, wish(package_code="nothing", consents=True))
    with pytest.raises(MayNotManageBilling):
        turn_on(UserFactory(), account, wish(consents=True))
    other = UserFactory()
    with pytest.raises(NoPaymentMethod):
        turn_on(other, open_account(other), wish(consents=True))
    assert AutoTopUp.objects.count() == 0


def test_a_team_is_topped_up_by_its_owner_or_admin(sandbox: Sandbox, ada: User) -> None:
    team = create_team(ada, "Engines")
    admin, member = UserFactory(), UserFactory()
    Membership.objects.create(team=team, user=admin, role=Role.ADMIN)
    Membership.objects.create(team=team, user=member, role=Role.MEMBER)
    account = save_card(sandbox, ada, team_id=team.pk)
    with pytest.raises(MayNotManageBilling):
        set_up(member, account)
    set_up(admin, account, threshold=1500)
    Membership.objects.filter(user=admin).delete()
    tick()
    assert Attempt.objects.get().purchase.user == ada  # who consented has left
    account.refresh_from_db()
    assert account.balance == 2000


@pytest.mark.parametrize("by", ["staff", "command"])
def test_staff_and_operators_pause_all(sandbox: Sandbox, ada: User, account: Account, by: str) -> None:
    row = set_up(ada, account, threshold=1500)
    for _ in range(2):
        pause_all(ada.pk) if by == "staff" else call_command("suspend_auto_top_ups", stdout=StringIO())
    assert Pause.objects.get().actor_id == (ada.pk if by == "staff" else None)
    assert tick() == 0
    top_up(row.pk)  # what was asked for before
    assert paid(sandbox) == []
    for _ in range(2):
        resume_all() if by == "staff" else call_command("suspend_auto_top_ups", "--resume", stdout=StringIO())
    assert tick() == 1
    assert len(paid(sandbox)) == 1


def test_staff_suspend_one_and_its_owner_cannot_resume_it(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    row = set_up(ada, account, threshold=1500)
    assert (suspend(row.pk), suspend(row.pk)) == (True, False)
    try_again(ada, account)
    set_up(ada, account, threshold=1600)
    assert tick() == 0
    row.refresh_from_db()
    assert (row.state, row.reason) == ("suspended", "staff")
    assert (resume(row.pk), resume(row.pk)) == (True, False)
    assert tick() == 1


def test_how_much_is_bought() -> None:
    pack = Lot(Decimal(1000), 1000)
    assert how_many(pack, Decimal(999), Decimal(1000), 10_000) == 1
    assert how_many(pack, Decimal(-500), Decimal(1000), 10_000) == 2
    assert how_many(pack, Decimal(0), Decimal(1001), 10_000) == 2
    assert how_many(pack, Decimal(0), Decimal(5000), 3999) == 3
    assert how_many(pack, Decimal(0), Decimal(5000), 999) == 0


def test_what_a_failure_means() -> None:
    assert {code: verdict(code) for code in ("stolen_card", "authentication_required")} == {
        "stolen_card": Verdict.HARD,
        "authentication_required": Verdict.CONFIRM,
    }
    assert (
        verdict("generic_decline") == verdict("a_new_code") == verdict("insufficient_funds") == Verdict.SOFT
    )
    assert verdict("stripe_unavailable") == Verdict.NO_DECLINE
    now = timezone.now()
    assert [(retry_after(count, now) or now) - now for count in (1, 2, 3)] == [
        datetime.timedelta(hours=4),
        datetime.timedelta(days=1),
        datetime.timedelta(0),
    ]
    assert retry_after(3, now) is None
    assert off_session.__doc__
    assert Entry.objects.count() == 0
