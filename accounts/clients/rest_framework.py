"""The same door for views written with Django REST Framework."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.clients.authentication import Client, authenticate_client, require_scope
from accounts.clients.errors import NotAuthenticated


class ClientAuthentication(BaseAuthentication):
    """``request.auth`` is the `Client`; nobody is ``request.user``, for no person stands behind a service."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Client]:
        return AnonymousUser(), authenticate_client(get_authorization_header(request).decode("latin-1"))

    def authenticate_header(self, request: Request) -> str:
        return NotAuthenticated.challenge


class HasScope(BasePermission):
    """Lets through a client that has the scope: ``permission_classes = [HasScope("spend")]``."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def __call__(self) -> HasScope:
        """DRF makes a permission of what it finds in ``permission_classes`` by calling it."""
        return self

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Raises MissingScope, which names the scope; False only where no client was authenticated."""
        if not isinstance(request.auth, Client):
            return False
        require_scope(request.auth, self.scope)
        return True
