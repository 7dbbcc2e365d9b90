"""Authenticate services in views of Django REST Framework."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.clients.authentication import Client, authenticate_client, require_scope
from accounts.clients.errors import NotAuthenticated


class ClientAuthentication(BaseAuthentication):
    """Authentication of a service: ``request.auth`` is the `Client`; ``request.user`` is anonymous."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Client]:
        return AnonymousUser(), authenticate_client(get_authorization_header(request).decode("latin-1"))

    def authenticate_header(self, request: Request) -> str:
        return NotAuthenticated.challenge


def client_of(request: Request) -> Client:
    """Return the service that calls a view of `ClientAuthentication`. Raises NotAuthenticated if there is none."""
    if not isinstance(request.auth, Client):
        raise NotAuthenticated("Sign in with client credentials or an API key.")
    return request.auth


def HasScope(scope: str) -> type[BasePermission]:  # noqa: N802  # it makes a class, and is used as one
    """Return a permission: ``permission_classes = [HasScope("spend")]``. Raises MissingScope without the scope."""

    class ScopePermission(BasePermission):
        def has_permission(self, request: Request, view: APIView) -> bool:
            require_scope(client_of(request), scope)
            return True

    return ScopePermission
