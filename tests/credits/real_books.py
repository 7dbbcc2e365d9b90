"""The real ledger in the plain one's terms: accounts by name, lots and holds by number, entries by their version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import singledispatchmethod
from typing import Any
from uuid import UUID, uuid4

from django.db import DataError, connection, transaction
from django.utils import timezone

from credits import ledger
from credits.errors import LedgerError
from credits.holds import HeldCredits
from credits.models import Account, Entry
from credits.results import (
    Capture,
    Grant,
    Release,
    Restoration,
    Reversal,
    Spend,
    SpendOrder,
    SpendResult,
    Transfer,
)

Outcome = tuple[Any, ...]
Books = dict[str, dict[Any, Any]]

NOBODY = "nobody"


class RealBooks:
    """Accounts of its own in the database, spoken to in the terms of `PlainLedger`.

    PostgreSQL's clock can't be moved. `pass_time` moves every expiry into the past instead, which comes to the same.
    """

    def __init__(self, *names: str) -> None:
        self.accounts: dict[str, UUID] = {name: Account.objects.create().pk for name in names}
        self.nobody = uuid4()
        self.began = timezone.now()
        self.passed = timedelta(0)

    def pass_time(self, time: timedelta) -> None:
        self.passed += time
        with connection.cursor() as cursor:
            for table in ("credits_lot", "credits_hold"):
                cursor.execute(
                    f"UPDATE {table} SET expires_at = expires_at - %s::interval WHERE account_id = ANY(%s)",
                    [str(time), list(self.accounts.values())],
                )

    def perform(self, operation: str, arguments: Mapping[str, Any]) -> Outcome:
        """How the operation went. What it changed stays, also when it was refused, as it does without a transaction
        around it.
        """
        try:
            with transaction.atomic():
                try:
                    answer = getattr(ledger, operation)(**self._translated(arguments))
                except LedgerError as refusal:
                    return self._refused(refusal)
        except DataError:
            return ("BeyondTheBooks",)
        return self._told(answer)

    # --- Arguments ---------------------------------------------------------------------------------------------------

    def _translated(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self._argument(name, value) for name, value in arguments.items())

    def _argument(self, name: str, value: Any) -> tuple[str, Any]:
        words: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "name": ("account_id", self._account),
            "giver": ("from_account", self._account),
            "receiver": ("to_account", self._account),
            "lot": ("lot_id", lambda number: dict(enumerate(self._lot_ids())).get(number, 0)),
            "hold": ("hold_id", lambda number: dict(enumerate(self._hold_ids())).get(number, uuid4())),
            "orders": ("orders", lambda orders: [SpendOrder(**self._translated(order)) for order in orders]),
            "kind": ("kind", Entry.Kind),
            "cost": ("cost", lambda cost: ledger.Cost(*cost) if cost else None),
            "expires_at": ("expires_at", self._wall),
        }
        word, translated = words.get(name, (name, lambda same: same))
        return word, translated(value)

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
        return (entry, made.balance_after, made.held, made.hold_remaining, made.repeated)

    @_told.register
    def _(self, given_back: Release) -> Outcome:
        return (given_back.released, given_back.balance, given_back.held, given_back.repeated)

    @_told.register
    def _(self, taken: Reversal) -> Outcome:
        if taken.entry_id is None:
            return ("nothing", taken.taken, taken.owed, taken.balance_after)
        entry = self._entry(taken.entry_id)
        return (entry, taken.taken, taken.owed, taken.balance_after, taken.repeated)

    @_told.register
    def _(self, back: Restoration) -> Outcome:
        return (self._entry(back.entry_id), back.let_off, back.balance_after, back.repeated)

    @_told.register
    def _(self, gift: Transfer) -> Outcome:
        sent, received = self._entry(gift.sent_entry_id), self._entry(gift.received_entry_id)
        return (sent, received, gift.balance_after, gift.repeated)

    @_told.register
    def _(self, hold: HeldCredits) -> Outcome:
        opened = hold.opened
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
                for account, *numbers in self._rows("credits_account", "id, balance, held, debt, version")
            },
            "lots": {
                lots[lot]: [names[account], *numbers, self._instant(expires_at)]
                for lot, account, *numbers, expires_at in self._rows(
                    "credits_lot",
                    "id, account_id, amount, remaining, held, promotional, cost_minor, currency, reference, expires_at",
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
            case ["gift", entry]:
                name, version = self.places[int(entry)]
                return f"gift:{name}:{version}"
            case ["expiry", lot, version]:
                return f"expiry:{self.lots[int(lot)]}:{version}"
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
        return plain
