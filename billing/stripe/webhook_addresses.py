"""Read Stripe's list of the addresses that webhooks come from (https://docs.stripe.com/ips#webhook-notifications).

The list that comes with the site has its date in the file. An operator's file (STRIPE_WEBHOOK_ADDRESS_FILE) is as
Stripe publishes it, and as old as the file; a new version is read without a restart. The site fetches nothing itself:
Stripe announces changes seven days ahead, and a list that can be fetched can be forged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone

from core.client_address import Network, parse_address, parse_network

log = structlog.get_logger(__name__)

SHIPPED = Path(__file__).with_name("webhook_addresses.json")
PUBLISHED = "https://stripe.com/files/ips/ips_webhooks.json"
RENEW = f"Save {PUBLISHED} as the file that STRIPE_WEBHOOK_ADDRESS_FILE names."


class InvalidAddressList(ValueError):
    """A file that isn't such a list; the message says why."""


@dataclass(frozen=True)
class AddressList:
    """The networks of a list, the day it is from, and its file."""

    networks: frozenset[Network]
    dated: date
    file: Path

    @property
    def age_days(self) -> int:
        return (timezone.now().date() - self.dated).days

    @property
    def is_stale(self) -> bool:
        """Return whether the list is older than STRIPE_WEBHOOK_ADDRESS_DAYS."""
        return bool(self.age_days > settings.STRIPE_WEBHOOK_ADDRESS_DAYS)

    @property
    def is_shipped(self) -> bool:
        return self.file == SHIPPED

    def has(self, address: str) -> bool:
        parsed = parse_address(address)
        return parsed is not None and any(parsed in network for network in self.networks)


def read_list(file: Path) -> AddressList:
    """Read a list. Raises OSError, and InvalidAddressList."""
    document = _read_json(file.read_bytes())
    changed = datetime.fromtimestamp(file.stat().st_mtime, tz=UTC).date()
    listed = document.get("WEBHOOKS")
    if not isinstance(listed, list) or not listed:
        raise InvalidAddressList('it has no addresses under "WEBHOOKS"')
    try:
        networks = frozenset(parse_network(str(each)) for each in listed)
        dated = date.fromisoformat(document["dated"]) if "dated" in document else changed
    except (ValueError, TypeError) as error:
        raise InvalidAddressList(str(error)) from error
    return AddressList(networks, dated, file)


def _read_json(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidAddressList("it isn't JSON") from error
    if not isinstance(document, dict):
        raise InvalidAddressList("it isn't a JSON object")
    return document


def list_file() -> Path:
    """Return the file of the list in force."""
    return Path(settings.STRIPE_WEBHOOK_ADDRESS_FILE) if settings.STRIPE_WEBHOOK_ADDRESS_FILE else SHIPPED


# Of a file: when it was changed, and its size, as a copy may keep the time. None: it can't be looked at.
Version = tuple[int, int] | None
# Per process: each reads the file again once it has changed. A file that has become unreadable changes nothing.
_lists: dict[Path, tuple[Version, AddressList]] = {}


def current_list() -> AddressList:
    """Return the list in force; the last good one while the file can't be read.

    Raises:
        OSError, InvalidAddressList: this process hasn't read any version of the file yet.
    """
    file = list_file()
    version = _version_of(file)
    read, known = _lists.get(file, (None, None))
    if known and version == read:
        return known
    try:
        fresh = read_list(file)
    except (OSError, InvalidAddressList) as error:
        if known is None:
            raise
        log.warning("webhook_addresses_unreadable", file=str(file), reason=str(error))
        fresh = known
    _lists[file] = (version, fresh)
    return fresh


def _version_of(file: Path) -> Version:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def is_listed_sender(address: str) -> bool:
    """Return whether Stripe lists the address."""
    return current_list().has(address)


def list_problem() -> str:
    """Return what is wrong with the list in force, with the remedy; empty if it is right, or not used."""
    if settings.STRIPE_WEBHOOK_ADDRESSES == "off":
        return ""
    used = current_list()
    if not used.is_stale:
        return ""
    which = "that comes with the site" if used.is_shipped else f"in {used.file}"
    return f"The list of Stripe's webhook addresses {which} is {used.age_days} days old. {RENEW}"


def log_list_problem() -> None:
    """Log what is wrong with the list, when a process starts."""
    if problem := list_problem():
        log.warning("webhook_addresses_stale", reason=problem)
