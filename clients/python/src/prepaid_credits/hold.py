"""Hold credits for work in progress."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from prepaid_credits.amounts import Amount, Quantity
from prepaid_credits.charges import describe_charge
from prepaid_credits.errors import CreditsError, HoldClosed
from prepaid_credits.transport import Transport, write
from prepaid_credits.values import Captured, HoldState


class Hold:
    """An open hold for work in progress::

        with client.hold(account, "20", expires_in=600) as hold:
            cost = do_the_work()
            hold.capture(cost)

    When the block ends, what was not captured is released, also on an exception. It isn't released if a capture failed
    with `NoAnswer`, `ServerError` or `RateLimited`: the work was done, and the capture may have been carried out.
    Capture again with the error's ``key``, or let the hold expire.
    """

    def __init__(
        self, transport: Transport, document: Mapping[str, Any], key: str, *, repeated: bool
    ) -> None:
        self._transport = transport
        self.id: str = document["id"]
        self.account: str = document["account"]
        self.amount = Decimal(document["amount"])
        self.expires_at = datetime.fromisoformat(document["expires_at"])
        self.key = key
        self.repeated = repeated
        self._captures = 0
        self._is_done = False

    def capture(
        self,
        amount: Amount | None = None,
        *,
        model: str | None = None,
        usage: Mapping[str, Quantity] | None = None,
        close: bool = True,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Captured:
        """Charge what the work cost: an amount, or the price of a model's usage.

        The rest is released, unless ``close`` is false. The default key is the capture's number in this hold, so that
        repeating the whole block with the hold's own key charges once.

        Raises:
            InsufficientCredits: if it costs more than is held, and the balance doesn't cover the rest.
            HoldClosed: if the hold was captured or released, or has expired.
            KeyConflict, InvalidRequest, UnknownModel, NoAnswer and the rest of `prepaid_credits.errors`.
        """
        document = describe_charge(amount, model, usage, metadata)
        self._captures += 1
        key = key or f"{self.id}:{self._captures}"
        request = write(f"/api/v1/credits/holds/{self.id}/capture", key, {**document, "close": close})
        try:
            answer = self._transport.request(request)
        except CreditsError as error:
            # The work is done, and may already be charged.
            self._is_done = self._is_done or error.is_passing
            raise
        self._is_done = close
        return Captured.read(answer.document, key=key, repeated=answer.replayed)

    def release(self) -> HoldState:
        """Release what is still held. Raises HoldClosed if it was captured."""
        request = write(f"/api/v1/credits/holds/{self.id}/release", f"{self.id}:release", {})
        state = HoldState.read(self._transport.request(request).document)
        self._is_done = True
        return state

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_done:
            return
        try:
            # If an earlier run of this block captured it, nothing is left to release.
            with suppress(HoldClosed):
                self.release()
        except CreditsError as failed:
            if error is None:
                raise
            error.add_note(f"The hold {self.id} could not be released and will expire: {failed}")
