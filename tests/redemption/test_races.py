"""Many redeem at once, or a process dies: as many winners as uses, and nothing lost or granted twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from accounts.limits.counters import forget_counts
from accounts.models import User
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.proof.checking import find_violations
from credits.redemption import redeeming
from credits.redemption.errors import CodeInvalid
from credits.redemption.making import revoke
from credits.redemption.models import Code, CodeBatch, Redemption
from tests.redemption.builders import ADDRESS, balance_of, new_code, redeem_code, the_code
from tests.support.builders import UserFactory
from tests.support.racing import at_once, cross
from tests.support.served import database_url

pytestmark = pytest.mark.django_db(transaction=True)

CHILD = """
import sys
import django
django.setup()
from accounts.models import User
from credits.redemption.redeeming import redeem
redeem(User.objects.get(pk=sys.argv[1]), sys.argv[2], address=sys.argv[3])
"""
WAITS = "SELECT pid FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
LIVES = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"


@pytest.fixture(autouse=True)
def _nothing_counted(settings: object) -> None:
    forget_counts()
    settings.REDEMPTION_FAILURES = settings.REDEMPTION_ADDRESS_FAILURES = 1000  # type: ignore[attr-defined]


def outcome(user: User, code: str) -> str:
    try:
        redeem_code(user, code)
    except (CodeInvalid, IntegrityError) as error:
        return type(error).__name__
    return "redeemed"


def test_of_fifty_at_once_as_many_win_as_there_are_uses() -> None:
    code = new_code(uses=7)
    users = [UserFactory.create() for _ in range(50)]
    outcomes = at_once(*[partial(outcome, user, code) for user in users])

    assert sorted(outcomes) == ["CodeInvalid"] * 43 + ["redeemed"] * 7
    assert Entry.objects.aggregate(total=Sum("amount"))["total"] == 700
    assert sorted(Redemption.objects.values_list("use", flat=True)) == list(range(1, 8))
    assert Account.objects.count() == 7, "who lost has no account"
    assert list(find_violations()) == []


def test_one_user_at_once_redeems_a_code_for_many_once() -> None:
    code, ada = new_code(uses=50), UserFactory.create()
    ledger.open_account(ada)  # opening it makes them wait as well
    outcomes = at_once(*[partial(outcome, ada, code)] * 8)
    assert sorted(outcomes) == ["CodeInvalid"] * 7 + ["redeemed"]
    assert balance_of(ada) == 100
    assert the_code().uses_left == 49


def test_whoever_reads_first_and_takes_then_is_refused_by_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The negative control: without the condition in the statement there is a race, which the last guard ends."""
    code, ada, ben = new_code(uses=5), UserFactory.create(), UserFactory.create()
    real = redeeming._take_a_use

    def reads_first(
        dawdle: Callable[[], None] | None, code_hash: str, account: Account, user: User
    ) -> object:
        row = Code.objects.get(code_hash=code_hash)
        if dawdle and user == ada:
            dawdle()
        Code.objects.filter(pk=row.pk).update(uses_left=row.uses_left - 1)
        batch = row.batch
        return redeeming._Use(
            row.pk, row.last4, batch.pk, batch.credits, None, batch.uses - row.uses_left + 1
        )

    def race(take: Callable[[Callable[[], None]], object]) -> list[str]:
        def first(dawdle: Callable[[], None]) -> str:
            monkeypatch.setattr(redeeming, "_take_a_use", take(dawdle))
            return outcome(ada, code)

        return cross(first, lambda: outcome(ben, code))

    assert sorted(race(lambda dawdle: partial(reads_first, dawdle))) == ["IntegrityError", "redeemed"]
    monkeypatch.setattr(redeeming, "_take_a_use", real)
    loser = ada if balance_of(ada) == 0 else ben
    assert outcome(loser, code) == "redeemed"
    assert Redemption.objects.count() == 2


@pytest.mark.parametrize("model", [Code, CodeBatch])
def test_a_revocation_waits_for_who_redeems_and_refuses_who_comes_after(
    model: type[Code] | type[CodeBatch],
) -> None:
    code, ada = new_code(uses=5), UserFactory.create()

    def redeem_slowly(dawdle: Callable[[], None]) -> str:
        with transaction.atomic():
            redeem_code(ada, code)
            dawdle()
        return "redeemed"

    def come_second() -> str:
        assert revoke(model.objects.get())
        return "revoked" if Redemption.objects.exists() else "revoked before the redemption was there"

    assert cross(redeem_slowly, come_second) == ["redeemed", "revoked"]
    assert outcome(UserFactory.create(), code) == "CodeInvalid"
    assert not revoke(model.objects.get())


def redeem_and_be_killed(user: User, code: str, before_writing: str) -> None:
    """Kills a process that waits to write this table, with what came before written and not committed."""
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings.test", "DATABASE_URL": database_url()}
    arguments = [sys.executable, "-c", CHILD, str(user.pk), code, ADDRESS]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {before_writing} IN SHARE MODE")
        child = subprocess.Popen(arguments, env={**os.environ, **environment})
        try:
            while not (waiting := _first(cursor, WAITS)):
                assert child.poll() is None
                time.sleep(0.05)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
    with connection.cursor() as cursor:
        while _first(cursor, LIVES, waiting):
            time.sleep(0.05)


def _first(cursor: object, statement: str, *arguments: object) -> int | None:
    cursor.execute(statement, arguments)  # type: ignore[attr-defined]  # Django's
    row = cursor.fetchone()  # type: ignore[attr-defined]
    return row[0] if row else None


@pytest.mark.parametrize("before_writing", ["credits_lot", "redemption_redemption"])
def test_a_process_that_dies_on_the_way_has_neither_taken_nor_granted_anything(before_writing: str) -> None:
    code, ada = new_code(), UserFactory.create()
    redeem_and_be_killed(ada, code, before_writing)
    assert (the_code().uses_left, Entry.objects.count(), Redemption.objects.count()) == (1, 0, 0)

    assert redeem_code(ada, code, key="again").balance == 100
    assert redeem_code(ada, code, key="again").balance == 100
    assert (the_code().uses_left, Entry.objects.count(), Redemption.objects.count()) == (0, 1, 1)
    assert list(find_violations()) == []
