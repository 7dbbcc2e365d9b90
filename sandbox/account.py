"""Hold the merchant's account, which tests can change."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from sandbox.models import Setting

_NAME = "account"


@dataclass(frozen=True)
class Account:
    """Describe the account. Without `charges_enabled`, no live checkout can be opened.

    `livemode` is copied to new objects and events; `live_keys` accepts `sk_live_…` beside test keys.
    `exchange_rates` lists the currencies that are converted to `settlement_currency` on their way to the balance,
    from smallest unit to smallest unit. All others are settled unconverted. `after_failed_retries` is what happens to a
    subscription whose invoice can't be collected.
    """

    id: str = "acct_1SandboxLocal0000"
    livemode: bool = False
    live_keys: bool = False
    charges_enabled: bool = True
    settlement_currency: str = "usd"
    exchange_rates: dict[str, float] = field(default_factory=dict)
    after_failed_retries: Literal["canceled", "unpaid", "past_due"] = "canceled"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class _Cached:  # every new object asks for it
    account = Account()


def get_account() -> Account:
    return _Cached.account


def load_account() -> None:
    """Read the stored account, after a restart or a reset."""
    _Cached.account = Account(**Setting.read(_NAME, {}))


def change_account(**fields: Any) -> Account:
    """Change some fields. Existing objects keep theirs. Call inside `store.writing()`."""
    Setting.write(_NAME, replace(_Cached.account, **fields).to_json())
    load_account()
    return _Cached.account
