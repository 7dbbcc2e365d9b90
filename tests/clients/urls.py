"""A view for services, as one written with DRF looks, and a buyer's."""

from __future__ import annotations

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.clients.limits import check_client_rate
from accounts.clients.rest_framework import ClientAuthentication, HasScope, client_of


class Spending(APIView):
    authentication_classes = [ClientAuthentication]
    permission_classes = [HasScope("spend")]

    def post(self, request: Request) -> Response:
        client = client_of(request)
        check_client_rate(client)
        return Response({"client": client.name})


class Buying(APIView):
    def get(self, request: Request) -> Response:
        return Response({"username": request.user.get_username()})


urlpatterns = [path("spends/", Spending.as_view()), path("balance/", Buying.as_view())]
