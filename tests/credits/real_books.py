"""The real ledger in the plain one's terms: accounts by name, lots and holds by number, entries by their version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import singledispatchmethod
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from django.db import connection
from django.utils import timezone

from credits.errors import LedgerError
from credits.ledger import operations as ledger
from credits.ledger.holds import HeldCredits
from credits.ledger.models import Account, Clawback, Entry, Hold
from credits.ledger.results import (
    Capture,
    Clawed,
    Grant,
    Release,
    Spend,
    SpendOrder,
    SpendResult,
    Transfer,
    Undone,
)

Outcome = tuple[Any, ...]
Books = dict[str, dict[Any, Any]]

NOBODY = "nobody"
QUARTER = timedelta(minutes=15)


class RealBooks:
    """Accounts of its own in the database, spoken to in the terms of `PlainLedger`.

    PostgreSQL's clock can't be moved. `pass_time` moves every expiry into the past instead, which comes to the same.
    """

    def __init__(self, *names: str) -> None:
        self.accounts: dict[str, UUID] = {name: Account.objects.create().pk for name in names}
        self.nobody = uuid4()
        self.claims: dict[UUID, str] = {}
        self.began = timezone.now()
        self.passed = timedelta(0)

    def pass_time(self, time: timedelta) -> None:
        self.passed += time
        with connection.cursor() as cursor:
            for table, column in (
                ("credits_lot", "expires_at"),
                ("credits_hold", "expires_at"),
                ("credits_clawback", "taken_since"),
            ):
                cursor.execute(
                    f"UPDATE {table} SET {column} = {column} - %s::interval WHERE account_id = ANY(%s)",
                    [str(time), list(self.accounts.values())],
                )

    def perform(self, operation: str, arguments: Mapping[str, Any]) -> Outcome:
        """How the operation went, in the machine's transaction, which goes on also when it was refused."""
        try:
            answer = getattr(ledger, operation)(**self._translated(arguments))
        except LedgerError as refusal:
            return self._refused(refusal)
        return self._told(answer)

    # --- Arguments ---------------------------------------------------------------------------------------------------

    def _translated(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        translated = dict(self._argument(name, value) for name, value in arguments.items())
        if "hold_id" in translated:
            translated["account_id"] = self._account_of_hold(translated["hold_id"])
        return translated

    def _argument(self, name: str, value: Any) -> tuple[str, Any]:
        words: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "name": ("account_id", self._account),
            "giver": ("from_account", self._account),
            "receiver": ("to_account", self._account),
            "lot": ("lot_id", lambda number: dict(enumerate(self._lot_ids())).get(number, 0)),
            "hold": ("hold_id", lambda number: dict(enumerate(self._hold_ids())).get(number, uuid4())),
            "orders": ("orders", lambda orders: [SpendOrder(**self._translated(order)) for order in orders]),
            "kind": ("kind", Entry.Kind),
            "claims": ("claims", lambda claims: [self._claim(*claim) for claim in claims]),
            "entry": ("entry_id", self._entry_id),
            "cost": ("cost", lambda cost: ledger.Cost(*cost) if cost else None),
            "expires_at": ("expires_at", self._wall),
        }
        word, translated = words.get(name, (name, lambda same: same))
        return word, translated(value)

    def _claim(self, name: str, kind: str, policy: str, amount: Decimal) -> ledger.Claim:
        self.claims[self._claim_id(name)] = name
        return ledger.Claim(
            self._claim_id(name), self.began, Clawback.Kind(kind), Clawback.Policy(policy), amount
        )

    def _claim_id(self, name: str) -> UUID:
        """Of this ledger's own: another example's may have the same name."""
        return uuid5(NAMESPACE_OID, f"{self.nobody}{name}")

    def _entry_id(self, place: tuple[str, int]) -> int:
        name, version = place
        found = Entry.objects.filter(account=self._account(name), version=version).values_list(
            "pk", flat=True
        )
        return found.first() or 0

    def _account_of_hold(self, hold_id: UUID) -> UUID:
        return Hold.objects.filter(pk=hold_id).values_list("account_id", flat=True).first() or self.nobody

    def _account(self, name: str) -> UUID:
        return self.accounts.get(name, self.nobody)

    def _wall(self, instant: timedelta | None) -> datetime | None:
        return None if instant is None else self.began + instant - self.passed

    # --- Answers -----------------------------------------------------------------------------------------------------

    def _refused(self, refusal: LedgerError) -> Outcome:
        params = refusal.params
        if "amount" in params and "missing" in params:
            assert params["missing"] > 0
            return (type(refusal).__name__, params["missing"], params["balance"], params["held"])
        return (type(refusal).__name__, params.get("status"))

    @singledispatchmethod
    def _told(self, answer: Any) -> Outcome:
        return (answer,)

    @_told.register
    def _(self, grant: Grant) -> Outcome:
        return (self._entry(grant.entry_id), grant.balance_after, grant.repeated)

    @_told.register
    def _(self, spend: Spend) -> Outcome:
        entry = self._entry(spend.entry_id)
        assert entry[1] == spend.version
        return (entry, spend.balance_after, spend.held, spend.repeated)

    @_told.register
    def _(self, made: Capture) -> Outcome:
        entry = self._entry(made.entry_id)
        assert entry[1] == made.version
        return (entry, made.balance_after, made.balance, made.held, made.hold_remaining, made.repeated)

    @_told.register
    def _(self, given_back: Release) -> Outcome:
        return (given_back.released, given_back.balance, given_back.held, given_back.repeated)

    @_told.register
    def _(self, clawed: Clawed) -> Outcome:
        assert (clawed.entry_id is None) == (not clawed.taken and not clawed.owed)
        return (clawed.taken, clawed.owed, clawed.balance)

    @_told.register
    def _(self, undone: Undone) -> Outcome:
        return (self._entry(undone.entry_id), undone.amount, undone.balance_after, undone.repeated)

    @_told.register
    def _(self, gift: Transfer) -> Outcome:
        sent, received = self._entry(gift.sent_entry_id), self._entry(gift.received_entry_id)
        return (sent, received, gift.balance_after, gift.repeated)

    @_told.register
    def _(self, hold: HeldCredits) -> Outcome:
        opened = hold
        number = self._hold_ids().index(opened.id)
        return (number, opened.amount, opened.balance, opened.held, opened.repeated)

    @_told.register
    def _(self, items: list) -> Outcome:  # type: ignore[type-arg]  # it is dispatched on
        return tuple(self._item(item) for item in items)

    def _item(self, item: SpendResult) -> Outcome:
        if item.outcome in ("unknown_account", "conflict"):
            return (item.outcome,)
        entry = self._entry(item.entry_id) if item.entry_id is not None else None
        return (str(item.outcome), entry, item.missing, item.balance_after, item.held)

    def _entry(self, entry_id: int) -> tuple[str, int]:
        entry = Entry.objects.get(pk=entry_id)
        return self._names()[entry.account_id], entry.version

    # --- Books -------------------------------------------------------------------------------------------------------

    def books(self) -> Books:
        """Everything that the ledger has written, row by row, as `plain_world.books_of` has it of the plain one."""
        names = self._names()
        lots = {lot: number for number, lot in enumerate(self._lot_ids())}
        holds = {hold: number for number, hold in enumerate(self._hold_ids())}
        places = {
            entry: (names[account], version)
            for entry, account, version in self._rows("credits_entry", "id, account_id, version")
        }
        told = _Words(names, lots, holds, places)
        return {
            "accounts": {
                names[account]: numbers
                for account, *numbers in self._rows(
                    "credits_account", "id, balance, held, debt, version, closed_at IS NOT NULL"
                )
            },
            "lots": {
                lots[lot]: [
                    names[account],
                    *numbers,
                    lots.get(origin),
                    reference,
                    about(self._instant(expires_at)),
                ]
                for lot, account, *numbers, origin, reference, expires_at in self._rows(
                    "credits_lot",
                    "id, account_id, amount, remaining, held, promotional, cost_minor, currency, cost_credits, "
                    "origin_lot, reference, expires_at",
                )
            },
            "entries": {
                (names[account], version): [
                    *row,
                    told.movements(moved_lots, moved),
                    told.key(key),
                    told.metadata(metadata),
                ]
                for account, version, *row, moved_lots, moved, key, metadata in self._rows(
                    "credits_entry",
                    "account_id, version, kind, amount, balance_after, owed, reference, lots, moved, key, "
                    "metadata::text::json",
                )
            },
            "holds": {
                holds[hold]: [names[account], *row, told.movements(pinned_lots, pinned)]
                for hold, account, *row, pinned_lots, pinned in self._rows(
                    "credits_hold",
                    "id, account_id, key, amount, remaining, captured, status, overrun, reference, lots, pinned",
                )
            },
            "clawbacks": {
                self.claims[claim]: [lots[lot], *row]
                for claim, lot, *row in self._rows(
                    "credits_clawback", "id, lot_id, kind, policy, amount, taken, pending, owed, waived"
                )
            },
        }

    def _names(self) -> dict[UUID, str]:
        return {account: name for name, account in self.accounts.items()}

    def _instant(self, expires_at: datetime | None) -> timedelta | None:
        return None if expires_at is None else expires_at - self.began + self.passed

    def _ids(self, table: str, order: str) -> list[Any]:
        return [row[0] for row in self._rows(table, "id", order)]

    def _lot_ids(self) -> list[Any]:
        return self._ids("credits_lot", "id")

    def _hold_ids(self) -> list[Any]:
        return self._ids("credits_hold", "created_at")

    def _rows(self, table: str, columns: str, order: str = "id") -> list[tuple[Any, ...]]:
        account = "id" if table == "credits_account" else "account_id"
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {columns} FROM {table} WHERE {account} = ANY(%s) ORDER BY {order}",
                [list(self.accounts.values())],
            )
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def about(instant: timedelta | None) -> timedelta | None:
    """To a quarter of an hour: where the time that credits were away for is added, so is the time that the test
    took.
    """
    return None if instant is None else round(instant / QUARTER) * QUARTER


class _Words:
    """Ids in what entries say, as names and numbers."""

    def __init__(
        self,
        names: dict[UUID, str],
        lots: dict[int, int],
        holds: dict[UUID, int],
        places: dict[int, tuple[str, int]],
    ) -> None:
        self.names, self.lots, self.holds, self.places = names, lots, holds, places

    def movements(self, lots: list[int], moved: list[Decimal]) -> dict[int, Decimal]:
        assert len(lots) == len(set(lots)) == len(moved)
        return {self.lots[lot]: amount for lot, amount in zip(lots, moved, strict=True)}

    def key(self, key: str) -> str:
        match key.split(":"):
            case ["gift", giver, version]:
                return f"gift:{self.names[UUID(giver)]}:{version}"
            case ["expiry", lot, version]:
                return f"expiry:{self.lots[int(lot)]}:{version}"
            case ["clawback", lot, version]:
                return f"clawback:{self.lots[int(lot)]}:{version}"
        return key

    def metadata(self, metadata: dict[str, Any]) -> dict[str, Any]:
        plain = dict(metadata)
        for word in ("to", "from"):
            if word in plain:
                plain[word] = self.names[UUID(plain[word])]
        if "hold" in plain:
            plain["hold"] = self.holds[UUID(plain["hold"])]
        if "lot" in plain:
            plain["lot"] = self.lots[plain["lot"]]
        if "undoes" in plain:
            plain["undoes"] = self.places[plain["undoes"]]
        return plain
