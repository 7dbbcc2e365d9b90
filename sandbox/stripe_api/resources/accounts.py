"""Read the merchant's own account, the only one."""

from stripe import params as stripe_params

from sandbox.account import get_account
from sandbox.shapes import Json, make_object
from sandbox.stripe_api.errors import NoAccessError
from sandbox.stripe_api.lists import list_page
from sandbox.stripe_api.routing import Call, route

_OPENED = 1767225600  # 2026-01-01, before anything else here


def _describe() -> Json:
    account = get_account()
    shown = make_object(
        "account",
        id=account.id,
        created=_OPENED,
        default_currency=account.settlement_currency,
        charges_enabled=account.charges_enabled,
    )
    shown["external_accounts"]["url"] = f"/v1/accounts/{account.id}/external_accounts"
    return shown


@route("GET", "/v1/account", stripe_params.AccountRetrieveCurrentParams)
def retrieve_current(call: Call) -> Json:
    return _describe()


@route("GET", "/v1/accounts", stripe_params.AccountListParams)
def list_all(call: Call) -> Json:
    """List connected accounts (Stripe Connect): there are none, and the account itself isn't listed."""
    return list_page(call, "account")


@route("GET", "/v1/accounts/{id}", stripe_params.AccountRetrieveParams)
def retrieve(call: Call) -> Json:
    account = _describe()
    if call.ids["id"] != account["id"]:
        raise NoAccessError(call.masked_key, call.ids["id"])
    return account
