"""Serve the provider's pages and endpoints at Keycloak's addresses."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.views import LoginView
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from oauth2_provider.exceptions import (
    InvalidIDTokenError,
    InvalidOIDCClientError,
    InvalidOIDCRedirectURIError,
    OAuthToolkitError,
)
from oauth2_provider.models import Application
from oauth2_provider.views import AuthorizationView, RPInitiatedLogoutView, TokenView

from sandbox.openid import signing, tampering, tokens
from sandbox.openid.models import User
from sandbox.openid.validator import is_application
from sandbox.options import get_options

CANCEL = "cancel"


class AuthorizeView(AuthorizationView):  # type: ignore[misc]  # django-oauth-toolkit is untyped
    """Authorize without asking for consent: the clients are the demo's own."""

    template_name = "openid/refused.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Check the request before anyone has to sign in, so that a client's mistake shows at once."""
        self.oauth2_data: dict[str, Any] = {}
        try:
            _, credentials = self.validate_authorization_request(request)
        except OAuthToolkitError as error:
            refused: HttpResponse = self.error_response(error, application=None)
            return refused
        if request.GET.get(CANCEL):
            return self._cancel(credentials)
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        return response

    def _cancel(self, credentials: dict[str, Any]) -> HttpResponse:
        """Return to the application with `access_denied` (RFC 6749, 4.1.2.1)."""
        answer = urlencode({"error": "access_denied", "state": credentials.get("state") or ""})
        redirect: HttpResponse = self.redirect(f"{credentials['redirect_uri']}?{answer}", application=None)
        return redirect


class ExchangeView(TokenView):  # type: ignore[misc]  # django-oauth-toolkit is untyped
    """Issue tokens, or fail if a test set that."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if status := tampering.take_next("token_status"):
            return JsonResponse({"error": "temporarily_unavailable"}, status=status)
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response


class LogoutView(RPInitiatedLogoutView):  # type: ignore[misc]  # django-oauth-toolkit is untyped
    """Log out on the application's request: at once with a valid hint, else after asking the user."""

    template_name = "openid/logout.html"

    def validate_logout_request_user(self, id_token_hint: str | None, client_id: str | None) -> Any:
        """Treat an invalid hint, such as one from before a reset, like none."""
        try:
            return super().validate_logout_request_user(id_token_hint, client_id)
        except InvalidIDTokenError:
            return None

    def get_request_application(self, id_token: Any, client_id: str | None) -> Application | None:
        if client_id and not Application.objects.filter(client_id=client_id).exists():
            raise InvalidOIDCClientError
        application: Application | None = super().get_request_application(id_token, client_id)
        return application

    def validate_post_logout_redirect_uri(self, application: Application | None, uri: str | None) -> None:
        if not uri:
            return
        if application is None:
            raise InvalidOIDCClientError
        if not is_application(uri):
            raise InvalidOIDCRedirectURIError("This client does not have this redirect uri registered.")


class SignInView(LoginView):
    """Show the sign-in page, with all users whose password is their name."""

    template_name = "openid/sign_in.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return_to = self.get_redirect_url()
        return super().get_context_data(
            users=[user for user in User.objects.order_by("username") if user.check_password(user.username)],
            cancel_url=f"{return_to}&{CANCEL}=1" if return_to else "",
            app_url=get_options().app_url,
            **kwargs,
        )


def show_configuration(request: HttpRequest) -> JsonResponse:
    """Describe the provider (OpenID Connect Discovery 1.0, section 3)."""
    issuer = tokens.find_issuer(request)
    endpoint = f"{issuer}/protocol/openid-connect"
    return JsonResponse(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{endpoint}/auth",
            "token_endpoint": f"{endpoint}/token",
            "userinfo_endpoint": f"{endpoint}/userinfo",
            "jwks_uri": f"{endpoint}/certs",
            "end_session_endpoint": f"{endpoint}/logout",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "roles"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            "prompt_values_supported": ["none", "login"],
        }
    )


def show_keys(request: HttpRequest) -> JsonResponse:
    """Publish the public keys (RFC 7517, section 5)."""
    usage = {"use": "sig", "alg": "RS256"}
    keys = [
        {**key.export_public(as_dict=True), **usage, "kid": key.thumbprint()}
        for key in signing.published_keys()
    ]
    return JsonResponse({"keys": keys})


def show_style(request: HttpRequest) -> FileResponse:
    return FileResponse((Path(__file__).parent / "style.css").open("rb"), content_type="text/css")


def show_realm(request: HttpRequest) -> JsonResponse:
    return JsonResponse(
        {"realm": "demo", "account-service": request.build_absolute_uri(reverse("openid-sign-in"))}
    )
