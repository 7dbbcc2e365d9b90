"""Serve the provider's pages and endpoints at Keycloak's addresses."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, JsonResponse
from oauth2_provider.exceptions import InvalidIDTokenError, InvalidOIDCClientError, OAuthToolkitError
from oauth2_provider.models import Application
from oauth2_provider.views import AuthorizationView, RPInitiatedLogoutView, TokenView

from sandbox.openid import signing, tampering
from sandbox.openid.models import User
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
        """Treat a hint of a session that is gone, as after a reset, like none; refuse any other, as Keycloak does."""
        try:
            return super().validate_logout_request_user(id_token_hint, client_id)
        except InvalidIDTokenError:
            if signing.is_ours(id_token_hint or ""):
                return None
            raise

    def get_request_application(self, id_token: Any, client_id: str | None) -> Application | None:
        if client_id and not Application.objects.filter(client_id=client_id).exists():
            raise InvalidOIDCClientError
        application: Application | None = super().get_request_application(id_token, client_id)
        return application


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
