"""Define why a user was refused. Messages are for users and never hold a token or a secret."""

from __future__ import annotations

from core.errors import DomainError


class SignInError(DomainError):
    """A failed sign-in. ``reason`` in ``params`` says exactly why, for the log."""


class InvalidTokenError(SignInError):
    """An invalid token: expired, forged, from another issuer or for another audience."""

    code = "invalid_token"
    status = 401


class InvalidAnswerError(SignInError):
    """A response from the provider that answers no request, or can't be used."""

    code = "invalid_answer"
    status = 400


class ProviderRefusedError(SignInError):
    """The provider redirected the browser with an error (OpenID Connect Core 1.0, section 3.1.2.6)."""

    code = "provider_refused"
    status = 403


class ProviderUnavailableError(SignInError):
    """The OpenID provider can't be reached or its response is invalid. Retrying may help."""

    code = "provider_unavailable"
    status = 503


class AccountDisabledError(SignInError):
    """A user whom staff have disabled."""

    code = "account_disabled"
    status = 403


class ClientTokenError(SignInError):
    """A service's valid token at an endpoint for users."""

    code = "client_token"
    status = 403


class SignInBusy(SignInError):
    """Too many passwords are being checked at the same time. This one was not checked."""

    code = "sign_in_busy"
    status = 503
    RETRY_AFTER_S = 2


class UnknownTimeZone(DomainError):
    """A time zone that can't be chosen."""

    code = "unknown_time_zone"
    status = 400


class UnknownLanguage(DomainError):
    """A language that can't be chosen."""

    code = "unknown_language"
    status = 400


class UserErased(DomainError):
    """A user who was erased just before something new about them was to be written."""

    code = "user_erased"
    status = 410


class ErasureBlocked(DomainError):
    """An erasure that must wait. ``obstacles`` in ``params`` lists the codes of everything in its way."""

    code = "erasure_blocked"
    status = 409
