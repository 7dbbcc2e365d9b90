"""What tests can do to the provider under `/_sandbox/openid/`: mint tokens, move people, order faults."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from sandbox.openid import backchannel, orders, people, signing, tokens
from sandbox.openid.models import Person
from sandbox.options import get_options

Body = dict[str, Any]


def control(action: Callable[[HttpRequest, Body], Body]) -> Callable[[HttpRequest], JsonResponse]:
    """Reads the JSON body and answers in JSON; a mistake in the request is a 400 that says which."""

    @csrf_exempt
    @require_POST
    @wraps(action)
    def view(request: HttpRequest) -> JsonResponse:
        try:
            return JsonResponse(action(request, json.loads(request.body or b"{}")))
        except (TypeError, ValueError, KeyError, Person.DoesNotExist) as mistake:
            return JsonResponse({"error": f"{type(mistake).__name__}: {mistake}"}, status=400)

    return view


@control
def mint_tokens(request: HttpRequest, body: Body) -> Body:
    """Tokens for `username`, or for the client `client` alone, valid or wrong as the body asks."""
    issuer = tokens.find_issuer(request)
    expires_in = body.pop("expires_in", 300)
    client, username = body.pop("client", None), body.pop("username", None)
    forgery = tokens.read_forgery(body)
    if client:
        claims = tokens.make_service_claims(issuer, client_id=client, expires_in=expires_in)
        return {"access_token": tokens.forge(claims, **forgery)}
    person = Person.objects.get(username=username)
    return {
        "access_token": tokens.forge(
            tokens.make_access_claims(person, issuer, expires_in=expires_in), **forgery
        ),
        "id_token": tokens.forge(tokens.make_id_claims(person, issuer, expires_in=expires_in), **forgery),
    }


@control
def save_person(request: HttpRequest, body: Body) -> Body:
    """Change or add the person `username`."""
    person = people.save_person(body.pop("username"), **body)
    return {"sub": str(person.pk), "username": person.username, "email": person.email, "roles": person.roles}


@control
def order_misfortune(request: HttpRequest, body: Body) -> Body:
    """Make the next sign-in go wrong; see `orders`."""
    orders.place(**body)
    return {"ordered": sorted(body)}


@control
def rotate_keys(request: HttpRequest, body: Body) -> Body:
    """Sign with a new key; `drop_old` also withdraws the former ones."""
    return {"kid": signing.rotate(drop_old=bool(body.get("drop_old"))).kid}


@control
def log_out(request: HttpRequest, body: Body) -> Body:
    """Tell the application by the back channel that `username`'s session has ended, and give its answer.

    `claims` change the token as for `token`; `url` is the address where it isn't the application's usual one.
    """
    person = Person.objects.get(username=body.pop("username"))
    url = body.pop("url", "") or get_options().app_url.rstrip("/") + backchannel.PATH
    forgery = tokens.read_forgery({"typ": "logout+jwt", **body})
    token = tokens.forge(tokens.make_logout_claims(person, tokens.find_issuer(request)), **forgery)
    return {"logout_token": token, **backchannel.send(url, token)}
