"""Grant credits from a file of any length: check all of it first, then book each line once, in batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from accounts.email_addresses import email_key, holders_of
from accounts.models import User
from credits.adjustments import adjusting as adjustments
from credits.adjustments.grant_sums import SUMS_TABLE, GrantSums
from credits.adjustments.grants_file import GrantLine, Mistake
from credits.adjustments.models import Adjustment
from credits.errors import InvalidAdjustment, LedgerError
from credits.formatting import credits_amount
from credits.ledger import operations as ledger
from credits.ledger.bounds import BOUND
from credits.ledger.models import Account

LINES_AT_ONCE = 500
TOO_MUCH = f"it would bring the account to {BOUND} credits or more"
# The lines seen so far: in the database, so that a long file doesn't fill the memory.
SEEN_TABLE = """
    CREATE TEMPORARY TABLE credits_grant_lines (key text PRIMARY KEY, line bigint, facts text) ON COMMIT DROP
"""
NOTE_LINES = """
    INSERT INTO credits_grant_lines (key, line, facts)
    SELECT DISTINCT ON (key) key, line, facts
    FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS given (key, line, facts) ORDER BY key, line
    ON CONFLICT DO NOTHING
"""
FIRST_WITH_KEY = "SELECT key, line, facts FROM credits_grant_lines WHERE key = ANY (%s)"


class Outcome(StrEnum):
    """The outcome of a line, or its outcome if it were booked."""

    NEW = "new"
    REPEATED = "repeated"
    WRONG = "wrong"


# An account, or a user whose account is opened when the line is booked.
Holder = UUID | User


@dataclass(frozen=True)
class LineResult:
    """The result of a line; ``mistakes`` says why it can't be booked."""

    line: GrantLine
    outcome: Outcome
    mistakes: Sequence[Mistake] = ()


def check_grants(lines: Iterable[GrantLine], *, above_limit: bool = False) -> Iterator[LineResult]:
    """Yield the outcome each line would have; book nothing. With ``above_limit`` no amount needs a second person.

    All of it is one transaction, open until the caller has read everything.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SEEN_TABLE)
        cursor.execute(SUMS_TABLE)
        for batch in _batches(lines):
            yield from _check(batch, above_limit)
        # In an outer transaction they would outlive this block.
        cursor.execute("DROP TABLE credits_grant_lines, credits_grant_sums")


def book_grants(lines: Iterable[GrantLine]) -> Iterator[LineResult]:
    """Book each line in a transaction of its own: after an interruption, the next run continues from there."""
    for batch in _batches(lines):
        holders, known = _holders_of(batch), _known(batch)
        for line in batch:
            yield _book(line, holders[line.number], known.get(line.terms.key))


def _batches(lines: Iterable[GrantLine]) -> Iterator[list[GrantLine]]:
    rest = iter(lines)
    while batch := list(islice(rest, LINES_AT_ONCE)):
        yield batch


def _book(line: GrantLine, holder: Holder | Mistake, known: Adjustment | None) -> LineResult:
    if isinstance(holder, Mistake):
        return LineResult(line, Outcome.WRONG, [holder])
    if known is not None and _is_booked(known, holder, line):
        return LineResult(line, Outcome.REPEATED)
    try:
        account_id = holder if isinstance(holder, UUID) else ledger.open_account(holder).pk
        asked = adjustments.book(account_id, line.terms)
    except LedgerError as error:
        return LineResult(line, Outcome.WRONG, [_in_words(error)])
    return LineResult(line, Outcome.REPEATED if asked.repeated else Outcome.NEW)


def _is_booked(known: Adjustment, holder: Holder, line: GrantLine) -> bool:
    """Return whether the line is already booked; saves a transaction."""
    is_same = isinstance(holder, UUID) and adjustments.same_terms(known, holder, line.terms)
    return is_same and known.status == Adjustment.Status.BOOKED


def _in_words(error: LedgerError) -> Mistake:
    field = "key" if "key" in error.params else error.params.get("field", "")
    return Mistake(field, error.message)


def _check(batch: list[GrantLine], above_limit: bool) -> Iterator[LineResult]:
    readable = [line for line in batch if not line.mistakes]
    holders = _holders_of(readable)
    known = _known(readable)
    first = _first_with_keys(readable, holders)
    sums = GrantSums(holder for holder in holders.values() if not isinstance(holder, Mistake))
    for line in batch:
        if line.mistakes:
            yield LineResult(line, Outcome.WRONG, line.mistakes)
            continue
        holder = holders[line.number]
        if isinstance(holder, Mistake):
            yield LineResult(line, Outcome.WRONG, [holder])
        else:
            result = _check_line(line, holder, known.get(line.terms.key), first[line.terms.key], above_limit)
            is_too_much = result.outcome is Outcome.NEW and not sums.has_room_for(holder, line.terms.amount)
            yield _wrong(line, "amount", TOO_MUCH) if is_too_much else result
    sums.keep()


def _check_line(
    line: GrantLine,
    holder: Holder,
    known: Adjustment | None,
    first: tuple[int, str],
    above_limit: bool,
) -> LineResult:
    first_number, facts = first
    account_id = holder if isinstance(holder, UUID) else None
    if known is not None and not adjustments.same_terms(known, account_id, line.terms):
        return _wrong(line, "key", "its key was already applied with other values")
    if known is not None and known.status != Adjustment.Status.BOOKED:
        return _wrong(line, "key", f"its key was used in the admin; that adjustment is {known.status}")
    if facts != _facts(line, holder):
        return _wrong(line, "key", f"line {first_number} uses its key with other values")
    if known is not None or first_number != line.number:
        return LineResult(line, Outcome.REPEATED)
    if adjustments.is_above_limit(line.terms.amount) and not above_limit:
        limit = credits_amount(settings.ADJUSTMENT_APPROVAL_ABOVE)
        return _wrong(line, "amount", f"amounts above {limit} need approval")
    try:
        adjustments.require_time_left(line.terms.expires_at)
    except InvalidAdjustment as error:
        return LineResult(line, Outcome.WRONG, [_in_words(error)])
    return LineResult(line, Outcome.NEW)


def _wrong(line: GrantLine, field: str, reason: str) -> LineResult:
    return LineResult(line, Outcome.WRONG, [Mistake(field, reason)])


def _known(lines: list[GrantLine]) -> dict[str, Adjustment]:
    return {
        found.key: found for found in Adjustment.objects.filter(key__in=[line.terms.key for line in lines])
    }


def _first_with_keys(
    lines: list[GrantLine], holders: dict[int, Holder | Mistake]
) -> dict[str, tuple[int, str]]:
    keys = [line.terms.key for line in lines]
    facts = [_facts(line, holders[line.number]) for line in lines]
    with connection.cursor() as cursor:
        cursor.execute(NOTE_LINES, [keys, [line.number for line in lines], facts])
        cursor.execute(FIRST_WITH_KEY, [keys])
        return {key: (number, said) for key, number, said in cursor.fetchall()}


def _facts(line: GrantLine, holder: Holder | Mistake) -> str:
    name = str(holder.pk if isinstance(holder, User) else holder)
    terms = line.terms
    moment = terms.expires_at and terms.expires_at.timestamp()
    said = (name, f"{terms.amount:f}", terms.reason, terms.reference, terms.promotional, moment)
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _holders_of(lines: list[GrantLine]) -> dict[int, Holder | Mistake]:
    """Return the holder of each line by its number, in at most three queries."""
    ids = [line.account_id for line in lines if line.account_id]
    accounts = set(Account.objects.filter(pk__in=ids).values_list("pk", flat=True))
    users = _users_of([line.email for line in lines if line.email])
    return {line.number: _holder_of(line, accounts, users) for line in lines}


def _holder_of(line: GrantLine, accounts: set[UUID], users: dict[str, Holder | Mistake]) -> Holder | Mistake:
    if line.account_id is None:
        nobody = Mistake("email", f"no user has the address {line.email!r}")
        return users.get(email_key(line.email), nobody)
    if line.account_id in accounts:
        return line.account_id
    return Mistake("account", f"there is no account {line.account_id}")


def _users_of(emails: list[str]) -> dict[str, Holder | Mistake]:
    """Return the user of each address, by its `email_key`."""
    if not emails:
        return {}
    found = holders_of(emails)
    users = User.objects.select_related("credit_account").in_bulk([holders.one for holders in found.values()])
    return {key: _holder_with(key, users[holders.one], holders.count) for key, holders in found.items()}


def _holder_with(email: str, user: User, count: int) -> Holder | Mistake:
    if count > 1:
        return Mistake("email", f"{count} users have the address {email!r}: give the account")
    account: Account | None = getattr(user, "credit_account", None)
    return account.pk if account else user
