"""What the plain ledger's operations share: how holds and lots end, debt and clawbacks, and the writing of entries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from credits.errors import InsufficientCredits, SumTooLarge, UnknownAccount, UnknownHold
from tests.credits.plain_books import (
    NOTHING,
    Account,
    Claim,
    Cost,
    Entry,
    Hold,
    Lot,
    Metadata,
    Movements,
    total,
)

TOO_MUCH = Decimal(10) ** 18


class PlainBookkeeping:
    def __init__(self, *names: str) -> None:
        self.now = timedelta(0)
        self.accounts = {name: Account(name) for name in names}
        self.lots: list[Lot] = []
        self.holds: list[Hold] = []
        self.claims: dict[int, list[Claim]] = {}

    def _account(self, name: str) -> Account:
        if name not in self.accounts:
            raise UnknownAccount("No such account.")
        return self.accounts[name]

    def _hold(self, number: int) -> Hold:
        if not 0 <= number < len(self.holds):
            raise UnknownHold("No such hold.")
        return self.holds[number]

    def _make_room(self, account: Account, amount: Decimal) -> None:
        """Overdue holds keep their credits until somebody needs them, or the job comes by."""
        if account.spendable(self.now) < amount:
            self._end_overdue_holds(account)
        missing = amount - account.spendable(self.now)
        if missing > 0:
            raise InsufficientCredits("Not enough.", missing=missing)

    def _end_overdue_holds(self, account: Account) -> None:
        for hold in account.holds:
            if hold.status == "open" and hold.expires_at <= self.now:
                self._end(hold, "expired")

    def _end(self, hold: Hold, status: str) -> Decimal:
        freed = self._close(hold, status)
        self._freed(self.accounts[hold.account], [self.lots[number] for number in hold.pinned])
        return freed

    def _close(self, hold: Hold, status: str) -> Decimal:
        freed = total(self._unpin(hold, hold.remaining))
        hold.status = status
        return freed

    def expire_lots(self, name: str) -> int:
        account = self.accounts.get(name) or Account(name)
        expired = [lot for lot in account.lots if lot.has_expired(self.now) and lot.free > 0]
        for lot in sorted(expired, key=lambda lot: lot.turn):
            key = f"expiry:{lot.number}:{len(account.entries) + 1}"
            self._book(account, "expiry", -lot.free, [(lot, -lot.free)], key, lot.reference, {})
        return len(expired)

    # --- Debt and clawbacks ------------------------------------------------------------------------------------------

    def _freed(self, account: Account, lots: Sequence[Lot]) -> None:
        """What has become free is first what claims are after, then what pays off a debt."""
        for lot in sorted({lot.number: lot for lot in lots}.values(), key=lambda lot: lot.number):
            unsatisfied = [claim for claim in self.claims.get(lot.number, []) if claim.taken < claim.amount]
            if unsatisfied:
                self._settle(account, lot, unsatisfied[0].kind, unsatisfied[0].metadata)
        self._offset(account)
        if account.closed:
            self._forfeit(account)

    def _offset(self, account: Account) -> None:
        if account.debt > 0 and (picked := account.pick(account.debt, self.now)):
            self._book_offset(account, [(lot, -part) for lot, part in picked])

    def _book_offset(self, account: Account, moved: Movements) -> None:
        key = f"offset:{len(account.entries) + 1}"
        self._book(account, "offset", NOTHING, moved, key, "", {}, owed=total(moved))

    def _undo_offset(self, account: Account, amount: Decimal) -> None:
        self.expire_lots(account.name)
        moved: Movements = []
        for lot in sorted(account.lots, key=lambda lot: lot.turn, reverse=True):
            part = min(amount, -account.moved(lot, "offset"))
            if part > 0:
                moved.append((lot, part))
                amount -= part
        assert amount == 0
        self._book_offset(account, moved)

    def _forfeit(self, account: Account) -> Decimal:
        self.expire_lots(account.name)
        moved = [(lot, -lot.free) for lot in account.lots if lot.free > 0]
        if moved:
            key = f"forfeit:{len(account.entries) + 1}"
            self._book(account, "forfeit", total(moved), moved, key, "", {})
        return -total(moved)

    def _settle(self, account: Account, lot: Lot, kind: str, metadata: Metadata) -> tuple[Decimal, Decimal]:
        """Gives each claim its part of the lot, in their order; books what that changes."""
        claims = self.claims[lot.number]
        if not any(claim.pending for claim in claims):
            self.expire_lots(account.name)
        taken_before = -account.moved(lot, "refund", "dispute")
        owed_before = sum((claim.owed for claim in claims), NOTHING)
        parts = {
            "can": lot.free + taken_before - account.moved(lot, "offset"),
            "held": lot.held,
        }
        lost = -account.moved(lot, "expiry", "forfeit", "adjustment")
        parts["spent"] = lot.amount - parts["can"] - parts["held"] - lost
        since: list[timedelta] = []
        for claim in claims:
            left = claim.amount
            covered = {}
            for part in parts:
                covered[part] = min(left, parts[part])
                parts[part] -= covered[part]
                left -= covered[part]
            if covered["can"] < claim.taken and claim.taken_since is not None:
                since.append(claim.taken_since)
            claim.taken, claim.pending = covered["can"], covered["held"]
            claim.owed = covered["spent"] if claim.policy == "debt" and not account.closed else NOTHING
            claim.waived = claim.amount - claim.taken - claim.pending - claim.owed
            first = self.now if claim.taken_since is None else claim.taken_since  # the beginning is instant 0
            claim.taken_since = first if claim.taken else None
        taken = sum((claim.taken for claim in claims), NOTHING) - taken_before
        owed = sum((claim.owed for claim in claims), NOTHING) - owed_before
        if taken or owed:
            self._book_clawback(account, lot, taken, owed, min(since, default=None), kind, metadata)
        self._offset(account)
        if account.closed:
            self._forfeit(account)
        return taken, owed

    def _book_clawback(
        self,
        account: Account,
        lot: Lot,
        taken: Decimal,
        owed: Decimal,
        since: timedelta | None,
        kind: str,
        metadata: Metadata,
    ) -> None:
        if taken > lot.free:
            self._book_offset(account, [(lot, taken - lot.free)])
        if -owed > account.debt:
            self._undo_offset(account, -owed - account.debt)
        if taken < 0:
            self.expire_lots(account.name)
            if since is not None and lot.has_expired(self.now) and lot.expires_at and lot.expires_at > since:
                lot.expires_at += self.now - since
                lot.extended_by += self.now - since
        key = f"clawback:{lot.number}:{len(account.entries) + 1}"
        metadata = {**metadata, "lot": lot.number}
        self._book(account, kind, -taken - owed, [(lot, -taken)], key, lot.reference, metadata, owed=owed)

    def undo_amount(self, account: Account, undone: Entry) -> Decimal:
        place = (account.name, undone.version)
        if any(
            entry.kind == "adjustment" and entry.metadata.get("undoes") == place for entry in account.entries
        ):
            return NOTHING
        if not undone.new_lots:
            return -undone.amount
        lot = self.lots[undone.new_lots[0]]
        overdue = lot.free if lot.has_expired(self.now) else NOTHING
        return overdue - account.moved(lot, "expiry", "forfeit", "adjustment") - undone.amount

    # --- Rows --------------------------------------------------------------------------------------------------------

    def _unpin(self, hold: Hold, amount: Decimal) -> Movements:
        """Release ``amount`` of what is held. Return which lots, and how much of each."""
        freed: Movements = []
        for number, pinned in hold.pinned.items():
            part = min(pinned, amount)
            amount -= part
            hold.pinned[number] -= part
            self.lots[number].held -= part
            if part:
                freed.append((self.lots[number], part))
        return freed

    def _new_lot(
        self,
        account: Account,
        amount: Decimal,
        promotional: bool,
        cost: Cost | None,
        expires_at: timedelta | None,
        reference: str,
    ) -> Lot:
        lot = Lot(len(self.lots), account.name, amount, promotional, cost, expires_at, reference)
        self.lots.append(lot)
        account.lots.append(lot)
        return lot

    def _book(
        self,
        account: Account,
        kind: str,
        amount: Decimal,
        moved: Movements,
        key: str,
        reference: str,
        metadata: Metadata,
        owed: Decimal = NOTHING,
        new_lots: Sequence[int] = (),
    ) -> Entry:
        for lot, part in moved:
            lot.remaining += part
        balance = account.balance + amount
        if abs(balance) >= TOO_MUCH or account.debt + owed >= TOO_MUCH:
            raise SumTooLarge(f"{balance} with a debt of {account.debt + owed}")
        movements = tuple((lot.number, part) for lot, part in moved)
        version = len(account.entries) + 1
        entry = Entry(
            account.name,
            version,
            kind,
            amount,
            balance,
            owed,
            movements,
            key,
            reference,
            metadata,
            tuple(new_lots),
        )
        account.entries.append(entry)
        return entry
