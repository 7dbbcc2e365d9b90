"""The merchant's account as tests may set it: which one it is, whether it is live, and what it is paid out in."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sandbox.models import Setting

_NAME = "account"


@dataclass(frozen=True)
class Account:
    """`livemode` is what objects and events say of themselves; `live_keys` lets `sk_live_…` in beside test keys.
    Without `charges_enabled` Stripe waits for papers, and no checkout can be opened.

    `exchange_rates` has the currencies that are converted to `settlement_currency` when they reach the balance:
    how many of its smallest unit one of their smallest unit brings. All others are settled as they are.
    """

    id: str = "acct_1SandboxLocal0000"
    livemode: bool = False
    live_keys: bool = False
    charges_enabled: bool = True
    settlement_currency: str = "usd"
    exchange_rates: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class _Current:
    """The stored account, at hand."""

    account = Account()


def get_account() -> Account:
    return _Current.account


def load_account() -> None:
    """Take up the account that was stored, after a restart or a reset."""
    setting = Setting.objects.filter(name=_NAME).first()
    _Current.account = Account(**setting.value) if setting else Account()


def change_account(**fields: Any) -> Account:
    """Set some of it, from now on: what is there already stays as it was made. Call inside `store.writing()`."""
    changed = replace(_Current.account, **fields)
    Setting.objects.update_or_create(name=_NAME, defaults={"value": changed.to_json()})
    load_account()
    return changed
