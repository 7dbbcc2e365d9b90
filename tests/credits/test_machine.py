"""The real ledger never differs from the plain one, whatever is done in whatever order.

Hypothesis makes up the operations. After each step the two are compared row by row, the deferred guards of the database
are made to speak, and `check_ledger` has to be clean. `make test-long` makes it a long run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from credits.ledger.models import Account, Lot
from credits.proof.checking import find_violations
from tests.credits import plain_world
from tests.credits.builders import grant, open_account
from tests.credits.machine_steps import ANY, HOUR, OTHERS, PEOPLE, Step, amount_of, beginnings, steps
from tests.credits.plain_books import NOTHING, Hold
from tests.credits.plain_ledger import SMALLEST, PlainLedger
from tests.credits.real_books import RealBooks
from tests.support.effort import effort

T = TypeVar("T")

EXAMPLES = effort(8, 600)
STEPS = effort(40, 60)


def nth_last(things: Sequence[T], back: int) -> T:
    return things[-1 - back % len(things)]


class Ledgers(RuleBasedStateMachine):
    """The plain ledger and the real one, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.plain = PlainLedger(*PEOPLE)
        self.real = RealBooks(*PEOPLE)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    def do(self, operation: str, **arguments: Any) -> None:
        self.calls.append((operation, arguments))
        self.plain, expected = plain_world.perform(self.plain, operation, arguments)
        assert self.real.perform(operation, arguments) == expected

    def key(self, back: int | None) -> str:
        """A new key, or one that was used before."""
        used = [arguments["key"] for _operation, arguments in self.calls if "key" in arguments]
        return nth_last(used, back) if used and back else f"fact {len(self.calls)}"

    def spendable(self, name: str) -> Decimal:
        account = self.plain.accounts.get(name)
        return account.spendable(self.plain.now) if account else NOTHING

    def some_hold(self, which: int) -> Hold:
        """An open one, where there is one; now and then any."""
        holds = [hold for hold in self.plain.holds if hold.status == "open" or which == ANY]
        return nth_last(holds or self.plain.holds, which)

    def repeatable(self) -> list[tuple[str, dict[str, Any]]]:
        return [call for call in self.calls if "key" in call[1] or call[0] in ("release", "spend_many")]

    @initialize(beginnings=beginnings)
    def begin_with_something(self, beginnings: list[tuple[str, Decimal, timedelta | None]]) -> None:
        for number, (name, amount, expires_at) in enumerate(beginnings):
            facts: dict[str, Any] = {"kind": "purchase", "key": f"beginning {number}", "metadata": {}}
            self.do("grant", name=name, amount=amount, expires_at=expires_at, **facts)

    @rule(step=steps)
    def take(self, step: Step) -> None:
        getattr(self, step.name)(**step.arguments)

    # --- What people do ----------------------------------------------------------------------------------------------

    def grant(self, expires_in: timedelta | None, back: int | None, **arguments: Any) -> None:
        arguments["expires_at"] = None if expires_in is None else self.plain.now + expires_in
        arguments["kind"] = "promotion" if arguments["promotional"] else "purchase"
        if arguments["promotional"] and arguments["cost"] != (7, "usd"):  # that one stays, and is refused
            arguments["cost"] = None
        self.do("grant", key=self.key(back), **arguments)

    def spend(self, name: str, amount: Decimal | str, back: int | None, **arguments: Any) -> None:
        amount = amount_of(amount, self.spendable(name))
        self.do("spend", name=name, amount=amount, key=self.key(back), **arguments)

    def spend_many(self, items: list[tuple[str, Decimal | str, str, int]]) -> None:
        """Keys come twice now and then, within the batch and from before."""
        orders = [
            {
                "name": name,
                "amount": amount_of(amount, self.spendable(name)),
                "key": self.key(ANY) if number == ANY else f"fact {len(self.calls)}/{number}",
                "reference": reference,
                "metadata": {},
            }
            for name, amount, reference, number in items
        ]
        self.do("spend_many", orders=orders)

    def hold(self, name: str, amount: Decimal | str, back: int | None, **arguments: Any) -> None:
        amount = amount_of(amount, self.spendable(name))
        self.do("hold", name=name, amount=amount, key=self.key(back), **arguments)

    def capture(
        self, amount: Decimal | str, beyond: bool, which: int, back: int | None, **arguments: Any
    ) -> None:
        """``beyond``: parts are those of what the account could pay with the hold."""
        if not self.plain.holds:
            return self.do("capture", hold=which, amount=Decimal(1), key=self.key(back), **arguments)
        hold = self.some_hold(which)
        whole = hold.remaining + (max(NOTHING, self.spendable(hold.account)) if beyond else NOTHING)
        amount = amount_of(amount, whole)
        return self.do("capture", hold=hold.number, amount=amount, key=self.key(back), **arguments)

    def release(self, which: int) -> None:
        self.do("release", hold=self.some_hold(which).number if self.plain.holds else which)

    def transfer(self, giver: str, amount: Decimal | str, back: int | None, **arguments: Any) -> None:
        amount = amount_of(amount, self.spendable(giver))
        self.do("transfer", giver=giver, amount=amount, key=self.key(back), **arguments)

    def claw_back(
        self, whose: str | None, claims: list[tuple[int, str, str, str]], which: int, **arguments: Any
    ) -> None:
        """The last part of a lot is what the others leave; a claim keeps its lot and its kind."""
        lot = nth_last(self.plain.lots, which)
        named: list[tuple[str, str, str, Decimal]] = []
        left = lot.amount
        for number, kind, policy, part in claims:
            amount = Decimal(0) if part == "none" else min(amount_of(part, lot.amount), left)
            amount += SMALLEST if part == "more" else 0
            left -= min(amount, left)
            of_lot = lot.number if number < 3 else 0  # now and then one of another lot
            named.append((f"{kind} {of_lot}/{len(named)}", kind, policy, amount))
        self.do("claw_back", name=whose or lot.account, lot=lot.number, claims=named, **arguments)

    def adjust(self, name: str, amount: Decimal | str, gives: bool, expires_in: timedelta | None) -> None:
        amount = amount_of(amount, self.spendable(name))
        facts = {"name": name, "amount": amount, "key": self.key(None), "kind": "adjustment", "metadata": {}}
        if gives:
            expires_at = None if expires_in is None else self.plain.now + expires_in
            self.do("grant", expires_at=expires_at, **facts)
        else:
            self.do("spend", **facts)

    def undo(self, which: int, back: int | None) -> None:
        adjustments = [
            entry
            for account in self.plain.accounts.values()
            for entry in account.entries
            if entry.kind == "adjustment"
        ]
        if adjustments:
            undone = nth_last(adjustments, which)
            account = self.plain.accounts[undone.account]
            amount = self.plain.undo_amount(account, undone)
            place = (undone.account, undone.version)
            self.do("undo", name=undone.account, entry=place, amount=amount, key=self.key(back), metadata={})

    def close(self, name: str) -> None:
        self.do("close", name=name)

    # --- What happens by itself --------------------------------------------------------------------------------------

    def time_passes(self, hours: int) -> None:
        self.plain.now += hours * HOUR
        self.real.pass_time(hours * HOUR)

    def expire_holds(self, limit: int) -> None:
        self.do("expire_holds", limit=limit)

    def expire_lots(self, name: str) -> None:
        self.do("expire_lots", name=name)

    # --- What goes wrong ---------------------------------------------------------------------------------------------

    def repeat(self, which: int) -> None:
        operation, arguments = nth_last(self.repeatable(), which)
        self.do(operation, **arguments)

    def repeat_with_other_arguments(self, which: int, changed: int) -> None:
        """One of them differs, or the whole operation: the key stands for something else."""
        operation, arguments = nth_last(self.repeatable(), which)
        others = [(name, value) for name, value in OTHERS.items() if name in arguments]
        if "name" in arguments and changed == 0:
            facts = {"name": arguments["name"], "key": arguments["key"], "metadata": {}}
            self.do("spend", amount=Decimal(1), **facts)
        elif others:
            self.do(operation, **{**arguments, **dict([nth_last(others, changed)])})

    def repeat_with_no_amount(self, which: int, amount: Decimal) -> None:
        operation, arguments = nth_last(self.repeatable(), which)
        if "amount" in arguments:
            self.do(operation, **{**arguments, "amount": amount})

    # --- What must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def the_books_are_the_same(self) -> None:
        real, plain = self.real.books(), plain_world.books_of(self.plain)
        assert {table: rows.keys() for table, rows in real.items()} == {
            table: rows.keys() for table, rows in plain.items()
        }
        for table, rows in plain.items():
            for row, expected in rows.items():
                assert (table, row, real[table][row]) == (table, row, expected)

    @invariant()
    def the_books_are_in_order(self) -> None:
        let_deferred_guards_speak()
        assert list(find_violations()) == []


def let_deferred_guards_speak() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


@pytest.mark.django_db
def test_the_ledger_never_differs_from_the_plain_one() -> None:
    run_state_machine_as_test(
        Ledgers,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "column"), [(Account, "balance"), (Account, "held"), (Lot, "remaining"), (Lot, "held")]
)
def test_guards_that_wait_for_the_commit_speak_within_the_machines_transaction(
    model: type[Account | Lot], column: str
) -> None:
    account = open_account()
    grant(account, 100)
    with transaction.atomic():
        model.objects.update(**{column: 7})
        with pytest.raises(IntegrityError), transaction.atomic():
            let_deferred_guards_speak()
        transaction.set_rollback(True)
