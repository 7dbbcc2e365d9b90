"""Sign users in and out in the browser."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

import structlog
from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    JsonResponse,
)
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django.views.generic import View
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView

from accounts.errors import (
    AccountDisabledError,
    InvalidAnswerError,
    InvalidTokenError,
    ProviderRefusedError,
    ProviderUnavailableError,
    SignInError,
    UnknownLanguage,
    UnknownTimeZone,
)
from accounts.languages import choose_language, require_known
from accounts.models import User
from accounts.sign_in import provider
from accounts.sign_in.form import SignInForm
from accounts.sign_in.id_tokens import read_logout_token
from accounts.sign_in.provider_sessions import end_sessions, remember_session
from accounts.sign_in.resuming import is_own_address, posted_from, resume
from accounts.sign_in.signing_out import end_session_url
from accounts.time_zones import choose_zone

logger = structlog.get_logger(__name__)

NEXT_KEY = "oidc_login_next"


class SignInView(LoginView):
    """The sign-in page: through the provider, with a password, or both in the demo."""

    template_name = "accounts/login.html"
    form_class = SignInForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.PASSWORD_SIGN_IN:
            return HttpResponseNotAllowed(["GET"])
        return super().post(request, *args, **kwargs)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if refusal := cast(SignInForm, form).refusal:
            response.status_code = refusal.status
            for name, value in refusal.headers.items():
                response.headers[name] = value
        return response

    def get_success_url(self) -> str:
        return resume(self.request, super().get_success_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            password_sign_in=settings.PASSWORD_SIGN_IN,
            provider_name=settings.OIDC_PROVIDER_NAME if provider.is_configured() else "",
            provider_url=_with_next(reverse("oidc_authentication_init"), self.get_redirect_url()),
            **kwargs,
        )


class SignOutView(View):
    """A view that ends our session, then the provider's. POST only: a link must not be able to sign anyone out."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        address = end_session_url(request)
        auth.logout(request)
        messages.success(request, _("You’ve signed out."))
        return redirect(address)


class AuthenticateView(OIDCAuthenticationRequestView):  # type: ignore[misc]  # mozilla-django-oidc is untyped
    """A view that sends the browser to the provider with a state, a nonce and a PKCE challenge."""

    http_method_names = ["get", "head"]
    get_settings = staticmethod(provider.read_setting)

    def get(self, request: HttpRequest) -> HttpResponse:
        if not provider.is_configured():
            return redirect("accounts:login")
        response: HttpResponse = super().get(request)
        return response


class CallbackView(OIDCAuthenticationCallbackView):  # type: ignore[misc]  # mozilla-django-oidc is untyped
    """The page that the provider redirects to. Whatever it receives, it answers with a page and never a 500."""

    http_method_names = ["get", "head"]
    get_settings = staticmethod(provider.read_setting)

    def get(self, request: HttpRequest) -> HttpResponseBase:
        try:
            _check_answer(request)
            response: HttpResponse = super().get(request)
        except SignInError as error:
            return _refuse(request, error)
        return response

    def login_failure(self) -> HttpResponse:
        return _refuse(self.request, InvalidAnswerError("Nobody was signed in.", reason="no_user"))

    def login_success(self) -> HttpResponse:
        """Sign in under a new session key: a key known before must be worthless afterwards.

        Django keeps the key for the same user and empties the session for another, so values to keep are read first.
        """
        session = self.request.session
        next_url = self.success_url
        auth.login(self.request, self.user)
        session.cycle_key()
        session.pop(NEXT_KEY, None)
        session[provider.ID_TOKEN_KEY] = self.request.oidc_id_token
        session.set_expiry(timezone.now() + settings.OIDC_SESSION_LIFETIME)
        try:
            remember_session(session.session_key, self.user, self.request.oidc_id_claims)
        except SignInError:
            auth.logout(self.request)
            raise
        return redirect(resume(self.request, next_url))


@never_cache
@csrf_exempt
@require_POST
def back_channel_logout(request: HttpRequest) -> HttpResponse:
    """Handle a session end reported by the provider (OpenID Connect Back-Channel Logout 1.0, section 2.5)."""
    if not provider.is_configured():
        raise Http404
    try:
        end_sessions(read_logout_token(request.POST.get("logout_token")))
    except SignInError as error:
        return _refuse_logout(error)
    return HttpResponse()


def _refuse_logout(error: SignInError) -> HttpResponse:
    """Answer 400 in any case (section 2.8), with a code of RFC 6749 that the provider can log."""
    logger.warning("backchannel_logout_refused", code=error.code, reason=error.params.get("reason"))
    is_ours = isinstance(error, ProviderUnavailableError)
    code = "temporarily_unavailable" if is_ours else "invalid_request"
    return JsonResponse({"error": code, "error_description": error.message}, status=400)


@never_cache
@login_required
@posted_from(
    gettext_lazy("You were signed out. Please choose the time zone and press Save again."),
    "credits-statement",
)
@require_POST
def choose_time_zone(request: HttpRequest) -> HttpResponse:
    """Show times in another zone from now on, and return to the page."""
    try:
        choose_zone(cast(User, request.user), request.POST.get("time_zone", ""))
    except UnknownTimeZone as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Time zone saved."))
    back = request.POST.get("next", "")
    return redirect(back if is_own_address(request, back) else settings.LOGIN_REDIRECT_URL)


@never_cache
@require_POST
def choose_another_language(request: HttpRequest) -> HttpResponse:
    """Show pages in another language from now on, and return to the page, which the browser names."""
    back, code = request.headers.get("Referer", ""), request.POST.get("language", "")
    response = redirect(back if is_own_address(request, back) else settings.LOGIN_REDIRECT_URL)
    try:
        require_known(code)
    except UnknownLanguage as error:
        messages.error(request, error.message)
        return response
    if isinstance(request.user, User):
        choose_language(request.user, code)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )
    return response


@never_cache
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect the admin's own sign-in page, which supports only passwords."""
    return redirect(_with_next(reverse("accounts:login"), request.GET.get("next") or reverse("admin:index")))


def _check_answer(request: HttpRequest) -> None:
    """Refuse what answers no request of this session: on any ``?error=``, mozilla-django-oidc signs users out."""
    states = request.session.get("oidc_states", {})
    if request.GET.get("state") not in states:
        raise InvalidAnswerError("The answer belongs to no request of this browser.", reason="foreign_state")
    if error := request.GET.get("error"):
        del states[request.GET["state"]]
        request.session.modified = True
        known = error if error in _OAUTH_ERRORS else "other"
        raise ProviderRefusedError("The provider refused.", reason=known)
    if not request.GET.get("code"):
        raise InvalidAnswerError("The answer has no code.", reason="no_code")


# RFC 6749, section 4.1.2.1, and OpenID Connect Core 1.0, section 3.1.2.6. Others are not logged.
_OAUTH_ERRORS = {
    "access_denied",
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "invalid_request",
    "invalid_scope",
    "login_required",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_response_type",
}


def _refuse(request: HttpRequest, error: SignInError) -> HttpResponse:
    """Redirect to the sign-in page, with a reason for the user there and one in the log."""
    logger.warning("sign_in_refused", code=error.code, reason=error.params.get("reason"))
    messages.error(request, _explain(error))
    return redirect(_with_next(reverse("accounts:login"), request.session.get(NEXT_KEY)))


def _explain(error: SignInError) -> str:
    if isinstance(error, AccountDisabledError):
        return _("Your account is disabled. Please contact support.")
    if isinstance(error, ProviderUnavailableError):
        return _("The sign-in service can’t be reached. Please try again in a minute.")
    if isinstance(error, ProviderRefusedError) and error.params["reason"] == "access_denied":
        return _("Sign-in was cancelled or refused.")
    if isinstance(error, InvalidTokenError):
        return _("Sign-in failed: the sign-in service sent an invalid response. Please try again.")
    return _("This sign-in has expired. Please start again.")


def _with_next(url: str, next_url: str | None) -> str:
    return f"{url}?{urlencode({'next': next_url})}" if next_url else url
