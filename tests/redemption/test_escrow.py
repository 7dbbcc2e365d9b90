"""A gift's code moves what is in escrow, with its cost, once; what was clawed back first can't be redeemed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone, translation

from accounts.models import User
from accounts.teams.membership import create_team
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Lot
from credits.proof.checking import find_violations
from credits.redemption.errors import CodeInvalid, NothingInEscrow
from credits.redemption.escrow import issue_escrow_code
from credits.redemption.models import EscrowCode
from tests.credits.builders import claim, claw_back, clawback_of, grant
from tests.redemption.builders import balance_of, redeem_code
from tests.support.builders import UserFactory
from tests.support.pseudo_language import PSEUDO, offer_pseudo_language
from tests.support.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def escrow_of(amount: int = 1000, bonus: int = 0) -> Account:
    """Credits that cost a cent each, and a bonus, of nobody's."""
    escrow = ledger.open_escrow()
    grant(escrow, amount, cost=ledger.Cost(amount, "usd"))
    if bonus:
        grant(escrow, bonus, key="bonus", kind=Entry.Kind.PROMOTION, promotional=True)
    return escrow


def code_for(escrow: Account, **terms: Any) -> str:
    with transaction.atomic():
        return issue_escrow_code(escrow, **terms)[1]


def refused(user: User, code: str) -> bool:
    try:
        redeem_code(user, code)
    except CodeInvalid:
        return True
    return False


def test_the_ledger_says_it_in_the_sites_language_whoever_redeems(settings: Any) -> None:
    offer_pseudo_language(settings)
    user: User = UserFactory()
    code = code_for(escrow_of())
    with translation.override(PSEUDO):
        redeem_code(user, code)
    kept = Entry.objects.get(account__owner=user).metadata
    assert kept["description"] == f"Gift code ending in {code[-4:]}"


def test_credits_arrive_with_their_cost_and_their_time_begins_then() -> None:
    escrow = escrow_of(1000, bonus=50)
    ada = UserFactory()
    code = code_for(escrow, validity_days=30, bonus_validity_days=7)
    redeemed = redeem_code(ada, code, key="form")

    assert (redeemed.amount, redeemed.balance) == (Decimal(1050), Decimal(1050))
    lots = {lot.promotional: lot for lot in Lot.objects.filter(account__owner=ada)}
    assert (lots[False].cost_minor, lots[False].cost_credits, lots[False].origin_account) == (
        1000,
        Decimal(1000),
        escrow.pk,
    )
    for lot, days in ((lots[False], 30), (lots[True], 7)):
        assert lot.expires_at is not None
        assert abs(lot.expires_at - timezone.now() - timedelta(days=days)) < timedelta(minutes=1)
    assert redeemed.expires_at == lots[False].expires_at
    assert redeem_code(ada, code, key="form") == redeemed  # the answer was lost
    assert refused(ada, code)
    assert refused(UserFactory(), code)
    assert list(find_violations()) == []


def test_a_newer_code_takes_the_place_of_the_one_before_and_a_team_can_redeem() -> None:
    escrow, ada = escrow_of(), UserFactory()
    old, new = code_for(escrow), code_for(escrow)
    assert refused(ada, old)
    team = create_team(ada, "Crew")
    redeem_code(ada, new, team_id=team.pk)
    assert balance_of(ada, team) == 1000
    assert Lot.objects.get(account__team=team).expires_at is None
    with pytest.raises(NothingInEscrow):
        code_for(escrow)


def test_what_was_taken_back_isnt_redeemed_and_can_be_once_it_returns() -> None:
    escrow, ada = escrow_of(), UserFactory()
    code, disputed = code_for(escrow), claim(1000)
    claw_back(escrow, disputed)
    assert refused(ada, code)
    with pytest.raises(NothingInEscrow):
        code_for(escrow)
    claw_back(escrow)  # the dispute was won
    claw_back(escrow, claim(400))  # a part was refunded
    assert redeem_code(ada, code).amount == 600
    claw_back(escrow)  # that refund failed later
    assert redeem_code(ada, code_for(escrow)).balance == 1000
    assert list(find_violations()) == []


def test_of_a_refund_and_a_redemption_at_once_one_gets_the_credits() -> None:
    for _ in range(6):
        escrow, ada = escrow_of(), UserFactory()
        code, refunded = code_for(escrow), claim(1000)
        was_refused, _clawed = at_once(partial(refused, ada, code), partial(claw_back, escrow, refunded))
        taken = clawback_of(refunded)[0]
        assert (taken, int(balance_of(ada))) == ((1000, 0) if was_refused else (0, 1000))
    assert list(find_violations()) == []


def test_of_many_at_once_one_redeems() -> None:
    escrow = escrow_of()
    code = code_for(escrow)
    people = [UserFactory() for _ in range(5)]
    outcomes = at_once(*[partial(refused, user, code) for user in people])
    assert outcomes.count(False) == 1
    assert sum(balance_of(user) for user in people) == 1000


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE redemption_escrowcode SET revoked_at = now()",
        "UPDATE redemption_escrowcode SET code_hash = repeat('a', 64)",
        "DELETE FROM redemption_escrowcode",
    ],
)
def test_nobodys_sql_changes_a_redeemed_code(sql: str) -> None:
    redeem_code(UserFactory(), code_for(escrow_of()))
    refusal = pytest.raises(ProgrammingError, match=r"Cannot (update|delete)")
    with refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_a_redemption_by_hand_must_have_moved_what_was_in_escrow() -> None:
    escrow, ada = escrow_of(), UserFactory()
    code_for(escrow)
    account = ledger.open_account(ada)
    entry = grant(account, 1000).entry_id
    wanted = {"redeemed_at": timezone.now(), "redeemed_by": ada, "account": account, "entry_id": entry}
    with pytest.raises(IntegrityError, match="did not bring all"), transaction.atomic():
        EscrowCode.objects.update(**wanted)
