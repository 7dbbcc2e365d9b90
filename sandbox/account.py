"""The merchant's account as tests may set it: which one it is, and whether it is live."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from sandbox.models import Setting

_NAME = "account"


@dataclass(frozen=True)
class Account:
    """`livemode` is what objects and events say of themselves; `live_keys` lets `sk_live_…` in beside test keys."""

    id: str = "acct_1SandboxLocal0000"
    livemode: bool = False
    live_keys: bool = False

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
