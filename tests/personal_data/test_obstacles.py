"""What has to be settled before somebody can be erased; and that a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.errors import ErasureBlocked
from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Team
from billing.privacy.erasure import erase_user, plan_erasure
from billing.purchases.models import Purchase
from credits.adjustments.adjusting import Terms, ask
from credits.errors import AccountClosed
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.ledger.selectors import get_balance
from tests.billing.reporting import deliver
from tests.personal_data.story import buy
from tests.returns.asking import refund
from tests.returns.selling import charge_of
from tests.support.builders import UserFactory, start
from tests.support.sandbox import Sandbox
from tests.teams.builders import join

pytestmark = pytest.mark.django_db(transaction=True)

Settle = Callable[[], object]


@pytest.fixture
def person(sandbox: Sandbox) -> User:
    sandbox.hold_webhooks()
    user: User = UserFactory.create(username="zeno", email="zeno@example.net")
    return user


def account_of(person: User) -> Account:
    return ledger.open_account(person)


def refused(person: User, *, forfeit: bool = True) -> list[str]:
    with pytest.raises(ErasureBlocked) as refusal:
        erase_user(person.pk, forfeit=forfeit)
    assert User.objects.get(pk=person.pk).email == "zeno@example.net"
    codes: list[str] = refusal.value.params["obstacles"]
    assert codes == [obstacle.code for obstacle in plan_erasure(person, forfeit=forfeit).obstacles]
    assert refusal.value.message
    return codes


def test_an_open_purchase_is_waited_for(sandbox: Sandbox, person: User) -> None:
    started = start(person, "starter")
    assert refused(person) == ["purchases_open"]
    sandbox.expire(started.session_id)
    deliver(sandbox)
    assert not erase_user(person.pk).repeated


def test_a_purchase_that_needs_attention_is_settled_first(sandbox: Sandbox, person: User) -> None:
    purchase = buy(sandbox, person, "starter")
    Purchase.objects.filter(pk=purchase.pk).update(attention="paid_twice", attention_detail="also paid")
    assert refused(person) == ["purchases_need_attention"]


def test_a_refund_under_way_is_waited_for(sandbox: Sandbox, person: User) -> None:
    purchase = buy(sandbox, person)
    sandbox.fault(path="/v1/refunds", status=500, times=5)
    assert refund(purchase, 450).status == "requested"
    assert refused(person) == ["refunds_under_way"]


def test_an_open_dispute_is_waited_for(sandbox: Sandbox, person: User) -> None:
    dispute = sandbox.dispute(charge_of(sandbox, buy(sandbox, person)))
    deliver(sandbox)
    assert refused(person) == ["disputes_open"]
    sandbox.close_dispute(dispute["id"], "lost")
    deliver(sandbox)
    assert not erase_user(person.pk, forfeit=True).repeated


def test_an_open_hold_is_waited_for(sandbox: Sandbox, person: User) -> None:
    purchase = buy(sandbox, person)
    held = ledger.hold(purchase.account_id, Decimal(5), key="job", expires_in=timedelta(hours=1))
    assert refused(person) == ["holds_open"]
    ledger.release(held.account_id, held.id)
    assert not erase_user(person.pk, forfeit=True).repeated


def test_what_is_owed_is_settled_or_let_go_first(sandbox: Sandbox, person: User) -> None:
    purchase = buy(sandbox, person)
    ledger.spend(purchase.account_id, get_balance(person, None).available, key="all of it")
    refund(purchase, 450, policy="debt")
    deliver(sandbox)
    assert refused(person) == ["credits_owed"]
    staff = UserFactory.create(is_staff=True)
    ask(purchase.account_id, Terms(Decimal(500), "Let go", "let go"), staff)
    assert not erase_user(person.pk).repeated


def test_an_adjustment_that_waits_is_decided_first(person: User) -> None:
    staff = UserFactory.create(is_staff=True)
    ask(account_of(person).pk, Terms(Decimal(100_000), "A lot", "a lot"), staff)
    assert refused(person) == ["adjustments_waiting"]


def test_a_team_with_others_in_it_gets_another_owner_first(person: User) -> None:
    team = create_team(person, "Crew")
    join(team, UserFactory.create())
    assert refused(person) == ["owns_a_team"]


def test_paid_credits_are_not_taken_without_being_asked_for(sandbox: Sandbox, person: User) -> None:
    buy(sandbox, person)
    assert refused(person, forfeit=False) == ["credits_left"]


def test_forfeited_credits_are_booked_out_as_such_and_the_account_is_closed(
    sandbox: Sandbox, person: User
) -> None:
    purchase = buy(sandbox, person)
    erased = erase_user(person.pk, forfeit=True)
    account = Account.objects.get(pk=purchase.account_id)
    assert erased.forfeited == 5000
    assert account.balance == 0
    last = Entry.objects.filter(account=account).latest("version")
    assert (last.kind, last.amount) == ("forfeit", -5000)
    assert account.closed_at is not None
    with pytest.raises(AccountClosed):
        ledger.grant(account.pk, Decimal(1), kind=Entry.Kind.PROMOTION, key="late")


def test_promotional_credits_always_go(person: User) -> None:
    ledger.grant(
        account_of(person).pk, Decimal(7), kind=Entry.Kind.PROMOTION, key="welcome", promotional=True
    )
    assert erase_user(person.pk).forfeited == 7


def test_credits_of_a_team_of_one_are_theirs(person: User) -> None:
    team = create_team(person, "Alone")
    account = ledger.open_team_account(team)
    ledger.grant(account.pk, Decimal(9), kind=Entry.Kind.PURCHASE, key="bought")
    assert refused(person, forfeit=False) == ["credits_left"]
    assert erase_user(person.pk, forfeit=True).forfeited == 9
    assert Team.objects.get(pk=team.pk).name == f"erased-{team.pk}"


def test_all_that_is_in_the_way_is_said_at_once(sandbox: Sandbox, person: User) -> None:
    buy(sandbox, person)
    start(person, "starter")
    join(create_team(person, "Crew"), UserFactory.create())
    assert refused(person, forfeit=False) == ["purchases_open", "owns_a_team", "credits_left"]
