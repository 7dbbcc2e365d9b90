"""Why someone could not be let in. Messages are for people; none of them ever holds a token or a secret."""

from __future__ import annotations

from core.errors import DomainError


class SignInError(DomainError):
    """Nobody was signed in. ``reason`` in ``params`` says exactly why, for the log."""


class InvalidTokenError(SignInError):
    """A token that isn't what it should be: expired, forged, for someone else, from someone else."""

    code = "invalid_token"
    status = 401


class InvalidAnswerError(SignInError):
    """A browser came back from the provider with something we did not ask for, or nothing usable."""

    code = "invalid_answer"
    status = 400


class ProviderRefusedError(SignInError):
    """The provider sent the browser back with an error (OpenID Connect Core 1.0, section 3.1.2.6)."""

    code = "provider_refused"
    status = 403


class ProviderUnavailableError(SignInError):
    """The OpenID provider can't be reached, or answers nonsense.

    Not the caller's fault: trying again may help.
    """

    code = "provider_unavailable"
    status = 503

    @property
    def headers(self) -> dict[str, str]:
        wait = self.params.get("retry_after")
        return {"Retry-After": str(wait)} if wait else {}


class AccountDisabledError(SignInError):
    """Staff have switched this person's account off."""

    code = "account_disabled"
    status = 403


class ClientTokenError(SignInError):
    """A valid token of a program, where only people may call: services have addresses of their own."""

    code = "client_token"
    status = 403


class SignInBusy(SignInError):
    """As many passwords are being checked as may be at once. This one wasn't looked at."""

    code = "sign_in_busy"
    status = 503

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "2"}


class UnknownTimeZone(DomainError):
    """A name of no zone that can be chosen."""

    code = "unknown_time_zone"
    status = 400


class UserErased(DomainError):
    """Whom something new is to be written about was erased a moment ago."""

    code = "user_erased"
    status = 410


class ErasureBlocked(DomainError):
    """Something has to be settled first. ``obstacles`` in ``params`` are the codes of all that is in the way."""

    code = "erasure_blocked"
    status = 409
