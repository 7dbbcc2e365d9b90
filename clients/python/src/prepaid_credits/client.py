"""Call the credits API."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx

from prepaid_credits.amounts import Amount, Quantity, plain, write_json
from prepaid_credits.batch import Batch
from prepaid_credits.charges import describe_charge
from prepaid_credits.credentials import ApiKey, ClientCredentials, Credentials
from prepaid_credits.errors import NotAuthenticated
from prepaid_credits.hold import Hold
from prepaid_credits.queued import Outcome
from prepaid_credits.retrying import Retrying
from prepaid_credits.transport import Request, Transport, write
from prepaid_credits.values import Balance, Entry, Estimate, Spent, Transferred

API = "/api/v1/credits"
BUYERS_API = "/api/v1/billing/credits"
TIMEOUT_S = 10.0

AccountId = str | UUID
Metadata = Mapping[str, Any] | None


class CreditsClient:
    """Charge work to accounts. Threads may share a client; close it, or use it in a ``with``.

    It authenticates with an ``api_key``, or with ``client_id`` and ``client_secret`` at the provider's ``token_url``.

    Every write has an idempotency key: yours, or a new one. A call without an answer is retried with the same key, and
    so charges once. Refusals aren't retried; they raise an error of `prepaid_credits.errors`. `NoAnswer` and
    `ServerError` mean that all attempts failed; their ``key`` makes it safe to call again later.

    ``spool`` is a file for `spend_later`; what an earlier process left in it is sent at once.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        token_url: str | None = None,
        timeout_s: float = TIMEOUT_S,
        retrying: Retrying | None = None,
        spool: str | Path | None = None,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ValueError(f"base_url must begin with https:// or http://: {base_url!r}.")
        if api_key and not _fits_a_header(api_key):
            raise ValueError("The api_key contains invalid characters. Was it copied with a line break?")
        http = httpx.Client(timeout=timeout_s)
        credentials = _choose_credentials(http, api_key, client_id, client_secret, token_url)
        self._transport = Transport(http, base_url, credentials, retrying or Retrying())
        self._batches: list[Batch] = []
        self._lock = threading.Lock()
        self._spool = spool
        self._later: Batch | None = None
        if spool is not None:
            self._later = self.batch(spool=spool)

    def spend(
        self,
        account: AccountId,
        amount: Amount | None = None,
        *,
        model: str | None = None,
        usage: Mapping[str, Quantity] | None = None,
        reference: str = "",
        metadata: Metadata = None,
        key: str | None = None,
        member: AccountId | None = None,
    ) -> Spent:
        """Spend an amount, or the price of a ``usage`` of a ``model``: all of it or nothing.

        ``reference`` is shown to the account's owner. ``member`` is the user who spends from a team's account.

        Raises:
            InsufficientCredits: with what is missing, and where to buy it.
            CapReached: if the member's cap in the team is exceeded.
            UnknownAccount, UnknownModel, KeyConflict, InvalidRequest, RateLimited, NoAnswer and other CreditsErrors.
            TypeError: for a float.
        """
        key = key or _new_key()
        document = {"account": str(account), **describe_charge(amount, model, usage, metadata)}
        if reference:
            document["reference"] = reference
        if member is not None:
            document["member"] = str(member)
        answer = self._transport.request(write(f"{API}/spends", key, document))
        return Spent.read(answer.document, key=key, repeated=answer.replayed)

    def hold(
        self,
        account: AccountId,
        amount: Amount,
        *,
        expires_in: int,
        overrun: Literal["refuse", "debt"] = "refuse",
        reference: str = "",
        metadata: Metadata = None,
        key: str | None = None,
    ) -> Hold:
        """Hold credits for at most ``expires_in`` seconds: see `Hold`.

        ``overrun`` decides about a capture that exceeds both the hold and the balance.

        Raises InsufficientCredits, UnknownAccount, KeyConflict, InvalidRequest, RateLimited, NoAnswer and other
        CreditsErrors.
        """
        key = key or _new_key()
        document = {
            "account": str(account),
            "amount": plain(amount),
            "expires_in": expires_in,
            "overrun": overrun,
            "reference": reference,
            "metadata": dict(metadata or {}),
        }
        answer = self._transport.request(write(f"{API}/holds", key, document))
        return Hold(self._transport, answer.document, key, repeated=answer.replayed)

    def transfer(
        self,
        giver: AccountId,
        receiver: AccountId,
        amount: Amount,
        *,
        reference: str = "",
        message: str = "",
        key: str | None = None,
    ) -> Transferred:
        """Transfer credits from one account to another. They keep their expiry date."""
        key = key or _new_key()
        document = {
            "from": str(giver),
            "to": str(receiver),
            "amount": plain(amount),
            "reference": reference,
            "message": message,
        }
        answer = self._transport.request(write(f"{API}/transfers", key, document))
        return Transferred.read(answer.document, key=key, repeated=answer.replayed)

    def balance(self, account: AccountId) -> Balance:
        """Return a balance, by the id of the account or of its user. Raises UnknownAccount."""
        document = self._get(f"{API}/accounts/{_part(account)}/balance")
        return Balance.read(document, account=document.get("account"))

    def entries(
        self, account: AccountId, *, kind: str | None = None, page_size: int = 100
    ) -> Iterator[Entry]:
        """Iterate over an account's entries, newest first, fetching each page when it is needed."""
        query = {"limit": str(page_size), **({"kind": kind} if kind else {})}
        while True:
            page = self._get(f"{API}/accounts/{_part(account)}/entries", query)
            yield from map(Entry.read, page["entries"])
            if "next_cursor" not in page:
                return
            query = {**query, "cursor": page["next_cursor"]}

    def balance_of_user(self, user_token: str) -> Balance:
        """Return the balance of a token's user; its ``account`` is the one to charge.

        The call verifies the token: a forged or expired one raises NotAuthenticated.
        """
        document = self._get(f"{BUYERS_API}/balance", token=user_token)
        return Balance.read(document, account=document.get("account"))

    def estimate_for_user(self, user_token: str, prompt: str, model: str, **expected: int | str) -> Estimate:
        """Estimate what a prompt would cost a token's user.

        ``expected`` may be ``expected_output_tokens``, ``images`` or ``seconds``. Raises UnknownModel, InvalidRequest,
        NotAuthenticated and other CreditsErrors.
        """
        body = write_json({"prompt": prompt, "model": model, **expected})
        request = Request("POST", f"{BUYERS_API}/estimate", body, token=_checked_token(user_token))
        document = self._transport.request(request).document
        return Estimate.read(
            document,
            credits=Decimal(document["estimated_credits"]),
            input_tokens=document["tokens"]["input"],
            output_tokens=document["tokens"]["expected_output"],
        )

    def batch(
        self,
        *,
        size: int = 500,
        interval_s: float = 1.0,
        spool: str | Path | None = None,
        on_result: Callable[[Outcome], None] | None = None,
        most_waiting: int = 100_000,
        close_timeout_s: float = 30.0,
        handle_sigterm: bool = True,
    ) -> Batch:
        """Create a `Batch`, which sends spends in the background, many at once."""
        batch = Batch(
            self._transport,
            size=size,
            interval_s=interval_s,
            spool=None if spool is None else Path(spool),
            on_result=on_result,
            most_waiting=most_waiting,
            close_timeout_s=close_timeout_s,
            handle_sigterm=handle_sigterm,
        )
        with self._lock:
            self._batches = [open_ for open_ in self._batches if not open_.is_closed]
            self._batches.append(batch)
        return batch

    def spend_later(
        self,
        account: AccountId,
        amount: Amount,
        *,
        reference: str = "",
        metadata: Metadata = None,
        key: str | None = None,
    ) -> Future[Spent]:
        """Spend by the client's own `Batch`, created when first needed. Raises like `Batch.spend`."""
        return self._batch_for_later().spend(account, amount, reference=reference, metadata=metadata, key=key)

    def close(self) -> None:
        """Send what is waiting in batches, then close the connections. Raises NotSent."""
        with self._lock:
            batches, self._batches = self._batches, []
        try:
            for batch in batches:
                batch.close()
        finally:
            self._transport.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _batch_for_later(self) -> Batch:
        if self._later is None:
            new = self.batch()
            with self._lock:
                self._later = self._later or new
            if self._later is not new:
                new.close()
        return self._later

    def _get(
        self, path: str, query: Mapping[str, str] | None = None, token: str | None = None
    ) -> dict[str, Any]:
        request = Request("GET", path, query=query, token=_checked_token(token))
        return self._transport.request(request).document


def _choose_credentials(
    http: httpx.Client,
    api_key: str | None,
    client_id: str | None,
    client_secret: str | None,
    token_url: str | None,
) -> Credentials:
    named = (client_id, client_secret, token_url)
    if api_key and not any(named):
        return ApiKey(api_key)
    if not api_key and client_id and client_secret and token_url:
        return ClientCredentials(http, token_url, client_id, client_secret)
    raise TypeError("Give an api_key, or client_id, client_secret and token_url.")


def _checked_token(user_token: str | None) -> str | None:
    """Refuse a user's token that doesn't fit into a header: it can't be valid."""
    if user_token is not None and not _fits_a_header(user_token):
        raise NotAuthenticated(401, "invalid_token", "Invalid token.")
    return user_token


def _fits_a_header(credentials: str) -> bool:
    return (
        bool(credentials) and credentials.isascii() and credentials.isprintable() and " " not in credentials
    )


def _new_key() -> str:
    return str(uuid4())


def _part(account: AccountId) -> str:
    """Quote an id as one part of a path."""
    return quote(str(account), safe="")
