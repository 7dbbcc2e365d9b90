"""Lists as Stripe pages them: newest first, a cursor in either direction, `has_more`."""

from typing import Any

from django.db.models import QuerySet

from sandbox import store
from sandbox.models import Record
from sandbox.shapes import Json
from sandbox.stripe_api.errors import InvalidParameterError, NoSuchObjectError
from sandbox.stripe_api.routing import Call

_CREATED_LOOKUPS = {"gt": "created__gt", "gte": "created__gte", "lt": "created__lt", "lte": "created__lte"}


def list_page(call: Call, object_type: str, **filters: Any) -> Json:
    """One page of the objects of a type, by the call's `created`, `limit`, `starting_after` and `ending_before`.

    `filters` are Django lookups on Record, e.g. ``data__customer="cus_…"``.
    """
    records = _filter_created(store.list_records(object_type).filter(**filters), call.params.get("created"))
    limit = read_limit(call.params)
    if "ending_before" in call.params:
        cursor = _find_cursor(call, object_type, "ending_before")
        return _page_before(call, records.filter(seq__gt=cursor), limit)
    if "starting_after" in call.params:
        records = records.filter(seq__lt=_find_cursor(call, object_type, "starting_after"))
    found = list(records[: limit + 1])
    return make_list(call.path, [record.data for record in found[:limit]], has_more=len(found) > limit)


def _page_before(call: Call, records: QuerySet[Record], limit: int) -> Json:
    """The page that ends just before the cursor, still newest first. The records are those after it."""
    found = list(records.order_by("seq")[: limit + 1])
    page = [record.data for record in reversed(found[:limit])]
    return make_list(call.path, page, has_more=len(found) > limit)


def make_list(url: str, data: list[Json], *, has_more: bool = False) -> Json:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def read_limit(params: dict[str, Any]) -> int:
    """How many to a page: 10 unless told. Raises InvalidParameterError outside 1 to 100."""
    limit: int = params.get("limit", 10)
    if limit < 1:
        raise _refuse_limit("This value must be greater than or equal to 1.")
    if limit > 100:
        raise _refuse_limit("This value must be less than or equal to 100.")
    return limit


def _refuse_limit(message: str) -> InvalidParameterError:
    return InvalidParameterError(message, code="parameter_invalid_integer", param="limit")


def _filter_created(records: QuerySet[Record], created: Any) -> QuerySet[Record]:
    if created is None:
        return records
    if isinstance(created, int):
        return records.filter(created=created)
    return records.filter(**{_CREATED_LOOKUPS[bound]: moment for bound, moment in created.items()})


def _find_cursor(call: Call, object_type: str, param: str) -> int:
    """The place of the object that a cursor names; it need not be in the filtered list, only of its type."""
    record = store.find_record(object_type, call.params[param])
    if record is None:
        raise NoSuchObjectError.in_parameter(object_type, call.params[param], param)
    return record.seq


def pick_filters(params: dict[str, Any], *names: str) -> dict[str, Any]:
    """The lookups for those of these parameters that were given and are plain fields of the object."""
    return {f"data__{name}": params[name] for name in names if name in params}
