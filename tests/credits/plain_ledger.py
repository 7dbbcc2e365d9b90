"""What the ledger does, in plain Python: lists and Decimals, no database, one caller at a time.

Read it as the specification. What can be told from other facts is not kept but told from them: a balance is the sum of
the entries, what an account holds is the sum of its holds. Instants are the time since the ledger's beginning.
`plain_bookkeeping.py` has what the operations share; `test_machine.py` runs the real ledger beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from credits.errors import (
    AccountClosed,
    HoldClosed,
    InsufficientCredits,
    InvalidAmount,
    InvalidEntry,
    KeyConflict,
    NothingToUndo,
    SumTooLarge,
    UnknownAccount,
    UnknownLot,
)
from tests.credits.plain_bookkeeping import TOO_MUCH, PlainBookkeeping
from tests.credits.plain_books import (
    NOTHING,
    Account,
    Booked,
    Claim,
    Entry,
    Hold,
    Item,
    Lot,
    Metadata,
    Movements,
    merged,
    total,
)

SMALLEST = Decimal("0.000001")


class PlainLedger(PlainBookkeeping):
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
                and (came_as.promotional, came_as.cost and came_as.cost[:2], _without(came_as))
                == (promotional, cost, expires_at),
            )
        if account.closed:
            raise AccountClosed("Closed.")
        lot = self._new_lot(
            account, amount, promotional, (*cost, amount) if cost else None, expires_at, reference
        )
        booked = self._book(
            account, kind, amount, [(lot, amount)], key, reference, metadata, new_lots=[lot.number]
        )
        self._offset(account)
        return Booked(booked, False)

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
        if account.closed:
            raise AccountClosed("Closed.")
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
        if held.captured >= TOO_MUCH:
            raise SumTooLarge(f"{held.captured} captured of one hold")
        booked = self._book(account, "spend", -amount, moved, key, reference, metadata, owed=owed)
        self._freed(account, [self.lots[number] for number in held.pinned])
        return Booked(booked, False)

    def release(self, hold: int) -> tuple[Decimal, bool]:
        """Return what was released, and whether nothing was held any more."""
        held = self._hold(hold)
        if held.status == "captured":
            raise HoldClosed("Closed.", status="captured")
        if held.status != "open":
            return NOTHING, True
        return self._end(held, "expired" if held.expires_at <= self.now else "released"), False

    def expire_holds(self, limit: int) -> int:
        overdue = [hold for hold in self.holds if hold.status == "open" and hold.expires_at <= self.now]
        overdue.sort(key=lambda hold: (hold.expires_at, hold.number))
        return sum(1 for hold in overdue[:limit] if self._end(hold, "expired") is not None)

    def claw_back(
        self,
        name: str,
        lot: int,
        claims: Sequence[tuple[str, str, str, Decimal]],
        *,
        kind: str,
        metadata: Metadata,
    ) -> tuple[Decimal, Decimal]:
        """What more is taken and owed than before."""
        account = self.accounts.get(name) or Account(name)
        found = next((one for one in account.lots if one.number == lot), None)
        if found is None:
            raise UnknownLot("No such lot.")
        if sum((amount for *_, amount in claims), NOTHING) > found.amount:
            raise InvalidEntry("The lot never had so many.")
        others = {claim.name for number, these in self.claims.items() if number != lot for claim in these}
        if others & {name for name, *_ in claims}:
            raise KeyConflict("On another lot.")
        self._end_overdue_holds(account)
        before = {claim.name: claim for claim in self.claims.get(lot, [])}
        standing = []
        for claim_name, claim_kind, policy, amount in claims:
            claim = before.pop(claim_name, None) or Claim(claim_name, claim_kind, policy, amount, {})
            claim.policy, claim.amount = policy, amount
            standing.append(claim)
        for gone in before.values():
            gone.amount = NOTHING
        self.claims[lot] = standing + list(before.values())
        return self._settle(account, found, kind, metadata)

    def undo(
        self,
        name: str,
        entry: tuple[str, int],
        amount: Decimal,
        *,
        key: str,
        metadata: Metadata,
        reference: str = "",
    ) -> Booked:
        """Of the adjustment at this place: its account and version."""
        account = self.accounts.get(name) or Account(name)
        metadata = {**metadata, "undoes": entry}
        if earlier := account.entry(key):
            same = ("adjustment", amount, reference, metadata)
            return _same(earlier, (earlier.kind, earlier.amount, earlier.reference, earlier.metadata) == same)
        self._end_overdue_holds(account)
        self.expire_lots(name)
        found = [one for one in account.entries if (name, one.version) == entry and one.kind == "adjustment"]
        if not found:
            raise NothingToUndo("No such adjustment.")
        if account.closed:
            raise AccountClosed("Closed.")
        undone = found[0]
        if amount == 0 or amount != self.undo_amount(account, undone):
            raise NothingToUndo("Nothing.")
        if amount > 0:
            lots = [(self.lots[number], -part) for number, part in undone.movements]
            booked = self._book(account, "adjustment", amount, lots, key, reference, metadata)
            self._freed(account, [lot for lot, _part in lots])
            return Booked(booked, False)
        picked = account.pick(-amount, self.now, self.lots[undone.movements[0][0]])
        if missing := -amount - total(picked):
            raise InsufficientCredits("Spent.", missing=missing)
        moved = [(lot, -part) for lot, part in picked]
        return Booked(self._book(account, "adjustment", amount, moved, key, reference, metadata), False)

    def close(self, name: str) -> Decimal:
        account = self._account(name)
        account.closed = True
        self._end_overdue_holds(account)
        forfeited = self._forfeit(account)
        self._freed(account, account.lots)
        return forfeited

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
        """What was sent, and what was received."""
        _check(amount)
        if giver == receiver:
            raise InvalidEntry("To itself.")
        to, by = self._account(receiver), self._account(giver)
        if to.closed:
            raise AccountClosed("Closed.")
        with_receiver = {**metadata, "to": receiver}
        if earlier := by.entry(key):
            same = ("gift_sent", -amount, reference, with_receiver)
            sent = _same(earlier, (earlier.kind, earlier.amount, earlier.reference, earlier.metadata) == same)
        else:
            self._make_room(by, amount)
            paid = [(lot, -part) for lot, part in by.pick(amount, self.now)]
            sent = Booked(self._book(by, "gift_sent", -amount, paid, key, reference, with_receiver), False)
        gift_key = f"gift:{giver}:{sent.entry.version}"
        if received := to.entry(gift_key):
            return sent, received
        self.expire_lots(receiver)
        moved: Movements = []
        born: list[int] = []
        for number, part in sent.entry.movements:
            came, given = self.lots[number], -part
            first = came if came.origin is None else self.lots[came.origin]
            if first.account == receiver:
                back = first
                if back.expires_at is not None and came.expires_at is not None:
                    longer = max(timedelta(0), came.expires_at - back.expires_at)
                    back.expires_at += longer
                    back.extended_by += longer
            else:
                back = self._new_lot(to, given, came.promotional, came.cost, came.expires_at, reference)
                back.origin = first.number
                born.append(back.number)
            moved.append((back, given))
        received = self._book(
            to,
            "gift_received",
            amount,
            merged(moved),
            gift_key,
            reference,
            {**metadata, "from": giver},
            new_lots=born,
        )
        self._freed(to, [lot for lot, _part in moved])
        return sent, received


def _check(amount: Decimal) -> None:
    if not amount.is_finite() or not 0 < amount < TOO_MUCH or amount % SMALLEST:
        raise InvalidAmount("Not above zero, too much, or with more than six places.")


def _without(lot: Lot) -> timedelta | None:
    """When the lot would have expired as it came."""
    return None if lot.expires_at is None else lot.expires_at - lot.extended_by


def _same(earlier: Entry, same: bool) -> Booked:
    if not same:
        raise KeyConflict("This key stands for something else.")
    return Booked(earlier, repeated=True)
