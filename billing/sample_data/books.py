"""Keep one account's ledger in memory, without holds, by the rules of the SQL functions in `credits/ledger/sql/`."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from billing.sample_data.plan import Moment, instant
from billing.sample_data.rows import Rows, spelled
from credits.ledger.models import Account, Clawback, Entry, Lot

MILLION = 1_000_000
NEVER = 1 << 62
COLUMNS = (
    *("id", "account_id", "version", "kind", "amount", "balance_after", "owed", "lots", "moved"),
    *("key", "reference", "metadata", "hash", "created_at"),
)


@dataclass(slots=True)
class OpenLot:
    """A lot as in `credits.ledger.models.Lot`, in whole millionths of a credit and microseconds."""

    id: int
    amount: int
    remaining: int
    promotional: bool
    expires: int
    cost_minor: int | None
    currency: str
    reference: str
    created: int
    # Credits that expired, and credits that paid off debt.
    expired: int = 0
    offset: int = 0


class Fact(NamedTuple):
    """An entry's cause."""

    kind: Entry.Kind
    key: str
    reference: str = ""
    metadata: Mapping[str, str | int] | None = None


class Clawed(NamedTuple):
    """A refund's or dispute's claim on a lot."""

    id: UUID
    kind: Clawback.Kind
    amount: int
    owes: bool


class Books:
    """An account from its first entry. Each operation adds its entry's row; `close` adds the others."""

    def __init__(self, account: UUID, rows: Rows) -> None:
        self.account, self.rows = account, rows
        self.account_id = str(account)
        self.version = self.balance = self.debt = 0
        self.seal = b""
        self.lots: list[OpenLot] = []
        # Lots with credits left, in the order of spending.
        self.live: list[tuple[int, bool, int, OpenLot]] = []

    def free(self, at: int) -> int:
        """Return the credits available."""
        return sum(lot.remaining for expires, _, _, lot in self.live if expires > at)

    def expired(self, at: int) -> OpenLot | None:
        """Return the next lot to expire, if its date has passed."""
        return self.live[0][-1] if self.live and self.live[0][0] <= at else None

    def grant(self, moment: Moment, lot: OpenLot, fact: Fact) -> None:
        lot.remaining = lot.amount
        self.lots.append(lot)
        insort(self.live, (lot.expires, not lot.promotional, lot.id, lot))
        self._append(moment, fact, [lot.id], [lot.amount])
        self._offset(moment)

    def spend(self, moment: Moment, amount: int, fact: Fact) -> None:
        lots = self._take(moment, amount)
        self._append(moment, fact, [lot.id for lot, _ in lots], [-taken for _, taken in lots])

    def claw_back(self, moment: Moment, lot: OpenLot, claim: Clawed, fact: Fact) -> tuple[int, int]:
        """Return the credits taken and owed, and add the claim's row; add an entry unless both are zero."""
        taken = min(lot.remaining, claim.amount)
        spent = lot.amount - lot.remaining - lot.expired
        owed = min(claim.amount - taken, spent) if claim.owes else 0
        self.rows.add(
            Clawback(
                id=claim.id,
                account_id=self.account,
                lot_id=lot.id,
                at=instant(moment.at),
                position=1,
                kind=claim.kind,
                policy=Clawback.Policy.DEBT if claim.owes else Clawback.Policy.CAP,
                amount=spelled_amount(claim.amount),
                taken=spelled_amount(taken),
                pending="0",
                owed=spelled_amount(owed),
                waived=spelled_amount(claim.amount - taken - owed),
                taken_since=instant(moment.at) if taken else None,
                metadata={},
                created_at=instant(moment.at),
            )
        )
        if taken + owed:
            lot.remaining -= taken
            self._forget_exhausted()
            self._append(moment, fact, [lot.id], [-taken], owed=owed)
            self._offset(moment)
        return taken, owed

    def expire(self, moment: Moment, lot: OpenLot) -> None:
        rest, lot.remaining = lot.remaining, 0
        lot.expired = rest
        self._forget_exhausted()
        key = f"expiry:{lot.id}:{self.version + 1}"
        self._append(moment, Fact(Entry.Kind.EXPIRY, key, lot.reference), [lot.id], [-rest])

    def close(self, owner: UUID, opened_at: int) -> None:
        """Add the rows of the account and its lots."""
        balance, debt = spelled_amount(self.balance), spelled_amount(self.debt)
        self.rows.add(
            Account(
                id=self.account,
                owner_id=owner,
                balance=balance,
                debt=debt,
                version=self.version,
                created_at=instant(opened_at),
            )
        )
        for lot in self.lots:
            self.rows.add(self._row(lot))

    def _row(self, lot: OpenLot) -> Lot:
        return Lot(
            id=lot.id,
            account_id=self.account,
            amount=spelled_amount(lot.amount),
            remaining=spelled_amount(lot.remaining),
            exhausted=lot.remaining == 0,
            promotional=lot.promotional,
            cost_minor=lot.cost_minor,
            currency=lot.currency,
            expires_at=None if lot.expires == NEVER else instant(lot.expires),
            reference=lot.reference,
            created_at=instant(lot.created),
        )

    def _take(self, moment: Moment, amount: int) -> list[tuple[OpenLot, int]]:
        paid = []
        for expires, _, _, lot in self.live:
            if expires > moment.at and amount:
                taken = min(lot.remaining, amount)
                lot.remaining -= taken
                amount -= taken
                paid.append((lot, taken))
        self._forget_exhausted()
        return paid

    def _offset(self, moment: Moment) -> None:
        """Pay off debt with available credits, under the second id that every moment reserves."""
        amount = min(self.debt, self.free(moment.at))
        if amount:
            paid = self._take(moment, amount)
            for lot, taken in paid:
                lot.offset += taken
            after = moment._replace(entry_id=moment.entry_id + 1)
            fact = Fact(Entry.Kind.OFFSET, f"offset:{self.version + 1}")
            self._append(
                after, fact, [lot.id for lot, _ in paid], [-taken for _, taken in paid], owed=-amount
            )

    def _forget_exhausted(self) -> None:
        if any(not place[-1].remaining for place in self.live):
            self.live = [place for place in self.live if place[-1].remaining]

    def _append(
        self, moment: Moment, fact: Fact, lots: Sequence[int], moved: Sequence[int], owed: int = 0
    ) -> None:
        amount = sum(moved) - owed
        self.version += 1
        self.balance += amount
        self.debt += owed
        said = "\t".join(
            (
                *(self.account_id, str(self.version), fact.kind.value, spelled_amount(amount)),
                *(spelled_amount(self.balance), spelled_amount(owed)),
                f"{{{','.join(map(str, lots))}}}",
                f"{{{','.join(map(spelled_amount, moved))}}}",
            )
        )
        # In the format of credits_entry_hash.
        sealed = f"{said}\t{spelled_amount(moment.at)}\t{fact.key}".replace("\t", "|")
        self.seal = sha256(self.seal + sealed.encode()).digest()
        metadata = spelled(fact.metadata) if fact.metadata else "{}"
        rest = f"{fact.key}\t{fact.reference}\t{metadata}\t\\\\x{self.seal.hex()}\t{instant(moment.at)}"
        self.rows.add_line(Entry, COLUMNS, f"{moment.entry_id}\t{said}\t{rest}\n")


def spelled_amount(millionths: int) -> str:
    """Format with six decimals: millionths as credits, microseconds as seconds."""
    if millionths < 0:
        return f"-{-millionths // MILLION}.{-millionths % MILLION:06d}"
    return f"{millionths // MILLION}.{millionths % MILLION:06d}"
