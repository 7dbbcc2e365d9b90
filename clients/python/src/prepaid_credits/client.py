"""The client of the credits API."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
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
    """Charges work to accounts. Threads may share one; close it, or use it in a ``with``.

    It signs in with an ``api_key``, or with ``client_id`` and ``client_secret`` at the provider's ``token_url``.

    Every write has an idempotency key: yours, or one that is made for the call. A call without an answer is repeated
    with the same key, so it charges once. What is refused is not repeated, and raises an error of
    `prepaid_credits.errors`. `NoAnswer` and `ServerError` come when repeating didn't help; their ``key`` makes it safe
    to call again later.

    ``spool``: a file for `spend_later`; what an earlier process left in it is sent at once.
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
            raise ValueError(f"base_url begins with https:// or http://: {base_url!r}.")
        if api_key and not _fits_a_header(api_key):
            raise ValueError("The api_key has characters that no key has. Was it copied with a line break?")
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
        """Takes an amount, or what the ``usage`` of a ``model`` costs: all of it or nothing.

        ``reference`` is shown to the account's owner. ``member``: the user who spends from a team's account.

        Raises:
            InsufficientCredits: with what is missing, and the address where to buy.
            CapReached: the member's, of a team.
            UnknownAccount, UnknownModel, KeyConflict, InvalidRequest, RateLimited, NoAnswer and the rest.
            TypeError: a float.
        """
        key = key or _new_key()
        document = {"account": str(account), **describe_charge(amount, model, usage, metadata)}
        if reference:
            document["reference"] = reference
        if member is not None:
            document["member"] = str(member)
        answer = self._transport.request(write(f"{API}/spends", key, document))
        return Spent.read(answer.document, key, repeated=answer.replayed)

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
        """Sets credits aside for at most ``expires_in`` seconds: see `Hold`.

        ``overrun`` says what a capture above what is held does where the balance doesn't cover it.

        Raises:
            InsufficientCredits, UnknownAccount, KeyConflict, InvalidRequest, RateLimited, NoAnswer and the rest.
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
        """Gives credits of one account to another. They keep their expiry."""
        key = key or _new_key()
        document = {
            "from": str(giver),
            "to": str(receiver),
            "amount": plain(amount),
            "reference": reference,
            "message": message,
        }
        answer = self._transport.request(write(f"{API}/transfers", key, document))
        return Transferred.read(answer.document, key, repeated=answer.replayed)

    def balance(self, account: AccountId) -> Balance:
        """By the account's id, or by the id of the user whose it is. Raises UnknownAccount."""
        return Balance.read(self._get(f"{API}/accounts/{_part(account)}/balance"))

    def entries(
        self, account: AccountId, *, kind: str | None = None, page_size: int = 100
    ) -> Iterator[Entry]:
        """What happened to the account, newest first, read page by page as it is asked for."""
        query = {"limit": str(page_size), **({"kind": kind} if kind else {})}
        while True:
            page = self._get(f"{API}/accounts/{_part(account)}/entries", query)
            yield from map(Entry.read, page["entries"])
            if "next_cursor" not in page:
                return
            query = {**query, "cursor": page["next_cursor"]}

    def balance_of_user(self, user_token: str) -> Balance:
        """The balance of whoever the provider gave this token to; its ``account`` is what to charge.

        The token is proven by the asking: one that is forged or over raises NotAuthenticated.
        """
        return Balance.read(self._get(f"{BUYERS_API}/balance", token=user_token))

    def estimate_for_user(self, user_token: str, prompt: str, model: str, **expected: int | str) -> Estimate:
        """What a prompt would cost the user of this token. ``expected``: ``expected_output_tokens``, ``images`` or
        ``seconds``. Raises UnknownModel, InvalidRequest, NotAuthenticated and the rest.
        """
        body = write_json({"prompt": prompt, "model": model, **expected})
        request = Request("POST", f"{BUYERS_API}/estimate", body, token=_checked_token(user_token))
        return Estimate.read(self._transport.request(request).document)

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
        """Spends that are sent in the background, many at once: see `Batch`."""
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
            self._batches = [one for one in self._batches if not one.is_closed]
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
        """A spend by the client's own `Batch`, which is made when it is first needed. Raises as `Batch.spend`."""
        return self._batch_for_later().spend(account, amount, reference=reference, metadata=metadata, key=key)

    def close(self) -> None:
        """Sends what waits in batches, then closes the connections. Raises NotSent."""
        with self._lock:
            batches, self._batches = self._batches, []
        try:
            for batch in batches:
                batch.close()
        finally:
            self._transport.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _batch_for_later(self) -> Batch:
        if self._later is None:
            made = self.batch()
            with self._lock:
                self._later = self._later or made
            if self._later is not made:
                made.close()
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
    raise TypeError("Sign in with an api_key, or with client_id, client_secret and token_url.")


def _checked_token(user_token: str | None) -> str | None:
    """What a user sent may be anything; what fits in no header is nobody's token."""
    if user_token is not None and not _fits_a_header(user_token):
        raise NotAuthenticated(401, "invalid_token", "The token is not valid.")
    return user_token


def _fits_a_header(credentials: str) -> bool:
    return (
        bool(credentials) and credentials.isascii() and credentials.isprintable() and " " not in credentials
    )


def _new_key() -> str:
    return str(uuid4())


def _part(account: AccountId) -> str:
    """An id as one part of an address."""
    return quote(str(account), safe="")
