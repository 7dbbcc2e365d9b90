"""Objects that are not as Stripe makes them: fields changed by order, of what is there and of what comes next."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sandbox.models import Record, Setting

_NAME = "oddities"


@dataclass(frozen=True)
class Oddity:
    """A change to the next `times` objects of a type, or to all from now on (None), that match `where`.

    Names of fields may lead inside: ``payment_method_details.card.last4``.
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
    setting = Setting.objects.filter(name=_NAME).first()
    return [Oddity(**order) for order in setting.value] if setting else []


def _save(oddities: Sequence[Oddity]) -> None:
    orders = [asdict(oddity) for oddity in oddities]
    Setting.objects.update_or_create(name=_NAME, defaults={"value": orders})


def order_oddity(oddity: Oddity) -> None:
    """Have the next objects changed. Call inside `store.writing()`."""
    _save([*list_oddities(), oddity])


def clear_oddities() -> None:
    _save([])


def make_odd(data: dict[str, Any]) -> None:
    """Change a new object as ordered, in place, and count it. The order given first wins."""
    oddities = list_oddities()
    for position, oddity in enumerate(oddities):
        if oddity.matches(data):
            change_fields(data, oddity.fields, oddity.without)
            if oddity.times is not None:
                _save([*oddities[:position], *_count_down(oddity), *oddities[position + 1 :]])
            return


def _count_down(oddity: Oddity) -> list[Oddity]:
    """Return the oddity with one time fewer, or none when that was the last."""
    left = (oddity.times or 1) - 1
    return [replace(oddity, times=left)] if left else []


def alter(record: Record, fields: Mapping[str, Any], without: Sequence[str] = ()) -> dict[str, Any]:
    """Change a stored object, whatever comes of it. Returns the former values of what changed.

    With another status it is no longer subject to time: what would happen to it is anybody's guess.
    """
    before = deepcopy(record.data)
    change_fields(record.data, fields, without)
    if record.data.get("status") != before.get("status"):
        record.due = None
    record.save()
    return {
        name: value for name, value in before.items() if name not in record.data or record.data[name] != value
    }


def change_fields(data: dict[str, Any], fields: Mapping[str, Any], without: Sequence[str] = ()) -> None:
    """Set fields of an object and take others away, in place. What leads to a field is made where it is not there."""
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
