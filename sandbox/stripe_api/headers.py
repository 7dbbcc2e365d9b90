"""Headers that a request may carry beside its key: which version it speaks, for which account, under which key."""

from collections.abc import Mapping

from stripe.params._webhook_endpoint_create_params import WebhookEndpointCreateParams

from sandbox.account import get_account
from sandbox.stripe_api.errors import InvalidParameterError, NoAccessError
from sandbox.stripe_api.parameters import list_choices
from sandbox.stripe_api.permissions import ApiKey

_LONGEST_IDEMPOTENCY_KEY = 255


def check_headers(headers: Mapping[str, str], api_key: ApiKey) -> None:
    """Raises ApiError for a version, an account or an idempotency key that Stripe doesn't take."""
    version = headers.get("Stripe-Version")
    if version is not None and version not in list_choices(WebhookEndpointCreateParams, "api_version"):
        raise InvalidParameterError(f"Invalid Stripe API version: {version}")
    account = headers.get("Stripe-Account")
    if account is not None and account != get_account().id:
        raise NoAccessError(api_key.masked, account)
    key = headers.get("Idempotency-Key", "")
    if len(key) > _LONGEST_IDEMPOTENCY_KEY:
        raise InvalidParameterError(
            f"Idempotency keys can be at most {_LONGEST_IDEMPOTENCY_KEY} characters long; yours has {len(key)}."
        )
