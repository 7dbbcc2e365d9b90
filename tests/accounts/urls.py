"""One API view that says who is asking, under the project's own API settings."""

from __future__ import annotations

from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from config.urls import urlpatterns as site


@api_view(["GET"])
def show_caller(request: Request) -> Response:
    return Response({"username": request.user.get_username()})


urlpatterns = [*site, path("whoami/", show_caller)]
