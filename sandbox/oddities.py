"""Make objects differ from what Stripe sends, on request: existing ones, and ones still to come."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sandbox.models import Record, Setting

_NAME = "oddities"


@dataclass(frozen=True)
class Oddity:
    """Change the next `times` new objects of a type that match `where`; with None, all from now on.

    Field names may be paths: ``payment_method_details.card.last4``.
    """

    object: str
    fields: dict[str, Any] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)
    where: dict[str, Any] = field(default_factory=dict)
    times: int | None = 1

    def matches(self, data: Mapping[str, Any]) -> bool:
        if self.object != data["object"]:
            return False
        return all(_find(data, path) == value for path, value in self.where.items())


def list_oddities() -> list[Oddity]:
    return [Oddity(**stored) for stored in Setting.read(_NAME, [])]


def _save(oddities: Sequence[Oddity]) -> None:
    Setting.write(_NAME, [asdict(oddity) for oddity in oddities])


def add_oddity(oddity: Oddity) -> None:
    """Change objects still to come. Call inside `store.writing()`."""
    _save([*list_oddities(), oddity])


def clear_oddities() -> None:
    _save([])


def apply_oddities(data: dict[str, Any]) -> None:
    """Change a new object in place by the oldest oddity that matches, and count it."""
    oddities = list_oddities()
    for position, oddity in enumerate(oddities):
        if oddity.matches(data):
            change_fields(data, oddity.fields, oddity.without)
            if oddity.times is not None:
                left = [replace(oddity, times=oddity.times - 1)] if oddity.times > 1 else []
                _save([*oddities[:position], *left, *oddities[position + 1 :]])
            return


def alter(record: Record, fields: Mapping[str, Any], without: Sequence[str]) -> dict[str, Any]:
    """Change a stored object without any check. Return the former values of what changed.

    An object with a new status is no longer changed by time: what should happen to it is undefined.
    """
    before = deepcopy(record.data)
    change_fields(record.data, fields, without)
    if record.data.get("status") != before.get("status"):
        record.due = None
    record.save()
    return {
        name: value for name, value in before.items() if name not in record.data or record.data[name] != value
    }


def change_fields(data: dict[str, Any], fields: Mapping[str, Any], without: Sequence[str]) -> None:
    """Set and remove fields in place. Missing parents of a field are created."""
    for path, value in fields.items():
        owner, name = _walk(data, path)
        owner[name] = value
    for path in without:
        owner, name = _walk(data, path)
        owner.pop(name, None)


def _walk(data: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *steps, name = path.split(".")
    for step in steps:
        if not isinstance(data.get(step), dict):
            data[step] = {}
        data = data[step]
    return data, name


def _find(data: Any, path: str) -> Any:
    for step in path.split("."):
        data = data.get(step) if isinstance(data, Mapping) else None
    return data
