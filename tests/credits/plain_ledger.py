"""What the ledger does, in plain Python: lists and Decimals, no database, one caller at a time.

Read it as the specification. What can be told from other facts is not kept but told from them: a balance is the sum of
the entries, what an account holds is the sum of its holds. Instants are the time since the ledger's beginning.
`tests/credits/test_machine.py` runs the real ledger beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from credits.errors import (
    HoldClosed,
    InsufficientCredits,
    InvalidAmount,
    InvalidEntry,
    KeyConflict,
    NothingToReverse,
    UnknownAccount,
    UnknownHold,
    UnknownLot,
)
from tests.credits.plain_books import (
    NOTHING,
    Account,
    Booked,
    Entry,
    Hold,
    Item,
    Lot,
    Metadata,
    Movements,
    merged,
    share,
    total,
)

SMALLEST = Decimal("0.000001")
TOO_MUCH = Decimal(10) ** 18


class BeyondTheBooks(Exception):
    """A balance or debt of 10^18 or more, which the columns can't hold."""


class PlainLedger:
    def __init__(self, *names: str) -> None:
        self.now = timedelta(0)
        self.accounts = {name: Account(name) for name in names}
        self.lots: list[Lot] = []
        self.holds: list[Hold] = []

    def grant(
        self,
        name: str,
        amount: Decimal,
        *,
        key: str,
        kind: str = "purchase",
        reference: str = "",
        metadata: Metadata,
        cost: tuple[int, str] | None = None,
        promotional: bool = False,
        expires_at: timedelta | None = None,
    ) -> Booked:
        if promotional and cost:
            raise InvalidEntry("Given away, and with a cost.")
        _check(amount)
        account = self._account(name)
        if earlier := account.entry(key):
            came_as = self.lots[earlier.movements[0][0]]
            return _same(
                earlier,
                (earlier.kind, earlier.amount, earlier.reference, earlier.metadata)
                == (kind, amount, reference, metadata)
                and (came_as.promotional, came_as.cost, came_as.expires_at)
                == (promotional, cost, expires_at),
            )
        repaid = min(account.debt, amount)
        lot = self._new_lot(account, amount, promotional, cost, expires_at, reference)
        moved = [(lot, amount - repaid)]
        return Booked(self._book(account, kind, amount, moved, key, reference, metadata, owed=-repaid), False)

    def spend(
        self,
        name: str,
        amount: Decimal,
        *,
        key: str,
        reference: str = "",
        metadata: Metadata,
        kind: str = "spend",
    ) -> Booked:
        _check(amount)
        account = self._account(name)
        if earlier := account.entry(key):
            same = (kind, -amount, reference, metadata)
            return _same(earlier, (earlier.kind, earlier.amount, earlier.reference, earlier.metadata) == same)
        self._make_room(account, amount)
        moved = [(lot, -part) for lot, part in account.pick(amount, self.now)]
        return Booked(self._book(account, kind, -amount, moved, key, reference, metadata), False)

    def spend_many(self, orders: Sequence[Mapping[str, Any]]) -> list[Item]:
        """Each as if done by itself and in this order, but that overdue holds are ended first."""
        for order in orders:
            _check(order["amount"])
        for name in {order["name"] for order in orders} & self.accounts.keys():
            self._end_overdue_holds(self.accounts[name])
        return [self._item(order) for order in orders]

    def _item(self, order: Mapping[str, Any]) -> Item:
        try:
            booked = self.spend(**order)
        except (UnknownAccount, KeyConflict) as refusal:
            return Item("unknown_account" if isinstance(refusal, UnknownAccount) else "conflict")
        except InsufficientCredits as refusal:
            account, missing = self.accounts[order["name"]], refusal.params["missing"]
            return Item("insufficient", None, missing, account.balance, account.held)
        held = self.accounts[order["name"]].held
        outcome = "repeated" if booked.repeated else "done"
        return Item(outcome, booked.entry, NOTHING, booked.entry.balance_after, held)

    def hold(
        self,
        name: str,
        amount: Decimal,
        *,
        key: str,
        expires_in: timedelta,
        overrun: str = "refuse",
        reference: str = "",
        metadata: Metadata,
    ) -> tuple[Hold, bool]:
        """The hold, and whether it was there already."""
        _check(amount)
        account = self._account(name)
        asked = (amount, expires_in, overrun, reference, metadata)
        for earlier in account.holds:
            if earlier.key == key:
                found = (earlier.amount, earlier.expires_in, earlier.overrun)
                if (*found, earlier.reference, earlier.metadata) != asked:
                    raise KeyConflict("Another hold.")
                return earlier, True
        self._make_room(account, amount)
        picked = account.pick(amount, self.now)
        for lot, part in picked:
            lot.held += part
        hold = Hold(
            number=len(self.holds),
            account=name,
            key=key,
            amount=amount,
            expires_in=expires_in,
            expires_at=self.now + expires_in,
            overrun=overrun,
            reference=reference,
            metadata=metadata,
            pinned={lot.number: part for lot, part in picked},
        )
        account.holds.append(hold)
        self.holds.append(hold)
        return hold, False

    def capture(
        self,
        hold: int,
        amount: Decimal,
        *,
        key: str,
        close: bool = True,
        reference: str | None = None,
        metadata: Metadata,
    ) -> Booked:
        _check(amount)
        metadata = {**metadata, "hold": hold, **({} if close else {"partial": True})}
        held = self._hold(hold)
        account = self.accounts[held.account]
        reference = held.reference if reference is None else reference
        if earlier := account.entry(key):
            same = ("spend", -amount, reference, metadata)
            return _same(earlier, (earlier.kind, earlier.amount, earlier.reference, earlier.metadata) == same)
        if held.status != "open" or held.expires_at <= self.now:
            raise HoldClosed("Closed.", status="expired" if held.status == "open" else held.status)

        surplus = max(NOTHING, amount - held.remaining)
        if surplus:
            self._end_overdue_holds(account)
        picked = account.pick(min(surplus, max(NOTHING, account.balance - account.held)), self.now)
        owed = surplus - total(picked)
        if owed and held.overrun == "refuse":
            raise InsufficientCredits("The surplus.", missing=owed)
        pinned = self._unpin(held, amount - surplus)
        if close:
            self._close(held, "captured")
        moved = merged([(lot, -part) for lot, part in picked + pinned])
        held.captured += amount
        return Booked(
            self._book(account, "spend", -amount, moved, key, reference, metadata, owed=owed), False
        )

    def release(self, hold: int) -> tuple[Decimal, bool]:
        """What it gave back, and whether it held nothing any more."""
        held = self._hold(hold)
        if held.status == "captured":
            raise HoldClosed("Closed.", status="captured")
        if held.status != "open":
            return NOTHING, True
        return self._close(held, "expired" if held.expires_at <= self.now else "released"), False

    def expire_holds(self, limit: int) -> int:
        overdue = [hold for hold in self.holds if hold.status == "open" and hold.expires_at <= self.now]
        overdue.sort(key=lambda hold: (hold.expires_at, hold.number))
        return sum(1 for hold in overdue[:limit] if self._close(hold, "expired") is not None)

    def expire_lots(self, name: str) -> int:
        account = self.accounts.get(name) or Account(name)
        expired = [lot for lot in account.lots if lot.has_expired(self.now) and lot.free > 0]
        for lot in sorted(expired, key=lambda lot: lot.turn):
            key = f"expiry:{lot.number}:{len(account.entries) + 1}"
            self._book(account, "expiry", -lot.free, [(lot, -lot.free)], key, lot.reference, {})
        return len(expired)

    def reverse(
        self,
        name: str,
        lot: int,
        amount: Decimal,
        *,
        key: str,
        policy: str,
        kind: str = "reversal",
        reference: str = "",
        metadata: Metadata,
    ) -> Booked | None:
        """Nothing where ``cap`` found nothing to take."""
        _check(amount)
        account = self.accounts.get(name) or Account(name)
        metadata = {**metadata, "lot": lot, "policy": policy, "asked": f"{amount:.6f}"}
        if earlier := account.entry(key):
            same = (kind, reference, metadata)
            return _same(earlier, (earlier.kind, earlier.reference, earlier.metadata) == same)
        self._end_overdue_holds(account)
        found = next((one for one in account.lots if one.number == lot), None)
        if found is None:
            raise UnknownLot("No such lot.")
        taken = min(found.free, amount)
        if policy == "block" and taken < amount:
            raise NothingToReverse("Not all of it.", missing=amount - taken)
        owed = amount - taken if policy == "debt" else NOTHING
        if not taken + owed:
            return None
        moved = [(found, -taken)]
        return Booked(
            self._book(account, kind, -taken - owed, moved, key, reference, metadata, owed=owed), False
        )

    def restore(
        self,
        name: str,
        lot: int,
        amount: Decimal,
        *,
        owed: Decimal,
        key: str,
        kind: str = "reversal",
        reference: str = "",
        metadata: Metadata,
    ) -> Booked:
        _check(amount)
        if not 0 <= owed <= amount:
            raise InvalidEntry("More was owed than comes back.")
        account = self.accounts.get(name) or Account(name)
        metadata = {**metadata, "lot": lot, "owed": f"{owed:.6f}"}
        if earlier := account.entry(key):
            same = (kind, amount, reference, metadata)
            return _same(earlier, (earlier.kind, earlier.amount, earlier.reference, earlier.metadata) == same)
        found = next((one for one in account.lots if one.number == lot), None)
        if found is None:
            raise UnknownLot("No such lot.")
        let_off = min(owed, account.debt)
        if found.remaining + amount - let_off > found.amount:
            raise InvalidEntry("The lot never had so many.")
        moved = [(found, amount - let_off)]
        return Booked(
            self._book(account, kind, amount, moved, key, reference, metadata, owed=-let_off), False
        )

    def transfer(
        self,
        giver: str,
        receiver: str,
        amount: Decimal,
        *,
        key: str,
        reference: str = "",
        metadata: Metadata,
    ) -> tuple[Booked, Entry]:
        """What was sent, and what was received. A gift makes no credits live longer."""
        _check(amount)
        if giver == receiver:
            raise InvalidEntry("To itself.")
        to = self._account(receiver)
        with_receiver = {**metadata, "to": receiver}
        sent = self.spend(
            giver, amount, key=key, kind="gift_sent", reference=reference, metadata=with_receiver
        )
        gift_key = f"gift:{giver}:{sent.entry.version}"
        if received := to.entry(gift_key):
            return sent, received
        repaid = left = min(to.debt, amount)
        moved: Movements = []
        for number, part in sent.entry.movements:
            came, given = self.lots[number], -part
            lot = self._new_lot(
                to, given, came.promotional, share(came, given), came.expires_at, came.reference
            )
            moved.append((lot, given - min(left, given)))
            left -= min(left, given)
        received = self._book(
            to,
            "gift_received",
            amount,
            moved,
            gift_key,
            reference,
            {**metadata, "from": giver},
            owed=-repaid,
        )
        return sent, received

    # --- What they share ---------------------------------------------------------------------------------------------

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
                self._close(hold, "expired")

    def _close(self, hold: Hold, status: str) -> Decimal:
        freed = total(self._unpin(hold, hold.remaining))
        hold.status = status
        return freed

    def _unpin(self, hold: Hold, amount: Decimal) -> Movements:
        """Lets go of ``amount`` of what is pinned; which lots, and how much of each."""
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
        cost: tuple[int, str] | None,
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
    ) -> Entry:
        for lot, part in moved:
            lot.remaining += part
        balance = account.balance + amount
        if abs(balance) >= TOO_MUCH or account.debt + owed >= TOO_MUCH:
            raise BeyondTheBooks(f"{balance} with a debt of {account.debt + owed}")
        movements = tuple((lot.number, part) for lot, part in moved)
        version = len(account.entries) + 1
        entry = Entry(account.name, version, kind, amount, balance, owed, movements, key, reference, metadata)
        account.entries.append(entry)
        return entry


def _check(amount: Decimal) -> None:
    if not amount.is_finite() or not 0 < amount < TOO_MUCH or amount % SMALLEST:
        raise InvalidAmount("Not above zero, too much, or with more than six places.")


def _same(earlier: Entry, same: bool) -> Booked:
    if not same:
        raise KeyConflict("This key stands for something else.")
    return Booked(earlier, repeated=True)
