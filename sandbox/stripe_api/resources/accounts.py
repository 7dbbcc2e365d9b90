"""The merchant's own account. There is one, and its id changes only when a test says so."""

from stripe.params._account_list_params import AccountListParams
from stripe.params._account_retrieve_current_params import AccountRetrieveCurrentParams
from stripe.params._account_retrieve_params import AccountRetrieveParams

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


@route("GET", "/v1/account", AccountRetrieveCurrentParams)
def retrieve_current(call: Call) -> Json:
    return _describe()


@route("GET", "/v1/accounts", AccountListParams)
def list_all(call: Call) -> Json:
    """Accounts connected to this one (Stripe Connect). There are none; one's own is not among them at Stripe either."""
    return list_page(call, "account")


@route("GET", "/v1/accounts/{account}", AccountRetrieveParams)
def retrieve(call: Call) -> Json:
    account = _describe()
    if call.ids["account"] != account["id"]:
        raise NoAccessError(call.masked_key, call.ids["account"])
    return account
