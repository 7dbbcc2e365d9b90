"""Make batches of codes, and revoke them. The codes exist in plain text only in what `make_batch` returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from core.storable_text import is_storable
from credits.amounts import positive_amount
from credits.errors import InvalidAmount
from credits.redemption.codes import LAST, hash_code, new_code, read_code
from credits.redemption.errors import BatchAlreadyMade, InvalidBatch
from credits.redemption.models import MOST_DAYS, Code, CodeBatch


@dataclass(frozen=True)
class BatchTerms:
    """What staff ask for. ``key`` makes one form one batch."""

    name: str
    credits: Decimal
    count: int
    reason: str
    key: UUID
    uses: int = 1
    expires_at: datetime | None = None
    validity_days: int | None = None


@dataclass(frozen=True)
class NewBatch:
    """A new batch. ``codes`` are to be shown once and never stored."""

    batch: CodeBatch
    codes: list[str] = field(repr=False)


def make_batch(terms: BatchTerms, created_by: User | None) -> NewBatch:
    """Make a batch and its codes; ``created_by`` None: a script.

    Raises:
        InvalidBatch: a term that no batch can have.
        BatchAlreadyMade: there is a batch with this key. Its codes can't be shown again.
    """
    batch = checked_batch(terms, created_by)
    with transaction.atomic():
        kept, is_new = CodeBatch.objects.get_or_create(key=batch.key, defaults=_columns_of(batch))
        if not is_new:
            raise BatchAlreadyMade(
                _(
                    "This batch was made already, and its codes can’t be shown again. Revoke it and make another."
                ),
                batch=kept.pk,
            )
        codes = [new_code() for _number in range(kept.count)]
        Code.objects.bulk_create([_row(kept, code) for code in codes])
    return NewBatch(kept, codes)


def revoke(row: CodeBatch | Code) -> bool:
    """Revoke a batch or one code for good; what was redeemed stays. Return False if it was revoked before.

    Waits for redemptions under way.
    """
    rows: Any = type(row)._default_manager
    revoked: int = rows.filter(pk=row.pk, revoked_at=None).update(revoked_at=Now())
    return bool(revoked)


def require_codes_of(batch: CodeBatch, codes: list[str]) -> list[str]:
    """Return codes of the batch as they are printed, in its order, for a file of them.

    Raises:
        InvalidBatch: they aren't exactly the batch's.
    """
    hashes = {hash_code(read_code(code) or ""): code for code in codes}
    known = list(batch.codes.order_by("pk").values_list("code_hash", flat=True))
    if hashes.keys() != set(known):
        raise InvalidBatch(_("These aren’t the codes of this batch."), field="codes")
    return [hashes[code_hash] for code_hash in known]


def checked_batch(terms: BatchTerms, created_by: User | None) -> CodeBatch:
    """Return the batch that the terms describe, unsaved. Raises InvalidBatch."""
    now = timezone.now()
    if terms.expires_at is not None and not now < terms.expires_at < now + timedelta(days=MOST_DAYS):
        raise InvalidBatch(
            _("The expiry must be in the future, and within a hundred years."), field="expires_at"
        )
    for name in ("name", "reason"):
        if not is_storable(getattr(terms, name)):
            raise InvalidBatch(_("It contains characters that can’t be saved."), field=name)
    try:
        credits = positive_amount(terms.credits)
    except InvalidAmount as error:
        raise InvalidBatch(_("Enter a number above zero, such as 500 or 2.5."), field="credits") from error
    batch = CodeBatch(
        name=terms.name.strip(),
        credits=credits,
        count=terms.count,
        uses=terms.uses,
        expires_at=terms.expires_at,
        validity_days=terms.validity_days,
        reason=terms.reason.strip(),
        key=terms.key,
        created_by=created_by,
    )
    try:
        batch.clean_fields(exclude=["created_at"])
    except ValidationError as error:
        wrong, [message, *_more] = next(iter(error.message_dict.items()))
        raise InvalidBatch(message, field=wrong) from error
    return batch


def _columns_of(batch: CodeBatch) -> dict[str, Any]:
    names = ("name", "credits", "count", "uses", "expires_at", "validity_days", "reason", "created_by")
    return {name: getattr(batch, name) for name in names}


def _row(batch: CodeBatch, code: str) -> Code:
    characters = read_code(code) or ""
    return Code(batch=batch, code_hash=hash_code(characters), last4=characters[-LAST:], uses_left=batch.uses)
