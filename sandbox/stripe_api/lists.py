"""Page lists as Stripe does: newest first, a cursor in either direction, `has_more`."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from stripe import params as stripe_params

from sandbox import store
from sandbox.models import Record
from sandbox.shapes import Json
from sandbox.stripe_api.errors import InvalidParameterError, NoSuchObjectError
from sandbox.stripe_api.fields import find_in_path
from sandbox.stripe_api.routing import Call, route


def serve_reading(
    object_type: str,
    *fields: str,
    id_param: str = "id",
    find: Callable[[str, str, str], Record] = find_in_path,
    choose: Callable[[Json], Json] = lambda params: {},
) -> None:
    """Route the list of a type and the retrieval by id.

    The list is filtered by `fields`, and by the lookups on Record that `choose` makes of the parameters.
    """
    path = f"/v1/{object_type}s"
    name = object_type.title().replace("_", "")
    list_params = getattr(stripe_params, f"{name}ListParams")
    retrieve_params = getattr(stripe_params, f"{name}RetrieveParams")

    @route("GET", path, list_params)
    def list_all(call: Call) -> Json:
        return list_page(call, object_type, *fields, **choose(call.params))

    @route("GET", f"{path}/{{id}}", retrieve_params)
    def retrieve(call: Call) -> Json:
        return dict(find(object_type, call.ids["id"], id_param).data)


def list_page(call: Call, object_type: str, *fields: str, **filters: Any) -> Json:
    """Return one page of a type, by the call's `created`, `limit`, `starting_after` and `ending_before`.

    `fields` names parameters that filter by the field of the same name; `filters` are Django lookups on Record.
    """
    filters |= {f"data__{name}": call.params[name] for name in fields if name in call.params}
    created = call.params.get("created", {})
    bounds = created if isinstance(created, dict) else {"exact": created}
    filters |= {f"created__{bound}": moment for bound, moment in bounds.items()}
    records = store.list_records(object_type).filter(**filters)
    limit = read_limit(call.params)
    if "ending_before" in call.params:
        cursor = _find_cursor(call, object_type, "ending_before")
        return _page_before(call, records.filter(seq__gt=cursor), limit)
    if "starting_after" in call.params:
        records = records.filter(seq__lt=_find_cursor(call, object_type, "starting_after"))
    found = list(records[: limit + 1])
    return make_list(call.path, [record.data for record in found[:limit]], has_more=len(found) > limit)


def _page_before(call: Call, newer: QuerySet[Record], limit: int) -> Json:
    """Return the page that ends just before the cursor, still newest first."""
    found = list(newer.order_by("seq")[: limit + 1])
    page = [record.data for record in reversed(found[:limit])]
    return make_list(call.path, page, has_more=len(found) > limit)


def page_items(call: Call, items: list[Json], noun: str) -> Json:
    """Return one page of what belongs to an object, in its order, by the call's `limit` and `starting_after`."""
    limit, cursor = read_limit(call.params), call.params.get("starting_after")
    ids = [item["id"] for item in items]
    if cursor is not None and cursor not in ids:
        raise NoSuchObjectError(noun, cursor, "starting_after", 400)
    start = 0 if cursor is None else ids.index(cursor) + 1
    return make_list(call.path, items[start : start + limit], has_more=len(items) > start + limit)


def make_list(url: str, data: list[Json], *, has_more: bool = False) -> Json:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def read_limit(params: dict[str, Any]) -> int:
    """Return the size of a page, by default 10. Raises InvalidParameterError outside 1 to 100."""
    limit: int = params.get("limit", 10)
    for is_wrong, bound in (
        (limit < 1, "greater than or equal to 1"),
        (limit > 100, "less than or equal to 100"),
    ):
        if is_wrong:
            message = f"This value must be {bound}."
            raise InvalidParameterError(message, code="parameter_invalid_integer", param="limit")
    return limit


def _find_cursor(call: Call, object_type: str, param: str) -> int:
    """Return the position of a cursor's object, which must be of the type but needn't match the filters."""
    record = store.find_record(object_type, call.params[param])
    if record is None:
        raise NoSuchObjectError(object_type, call.params[param], param, 400)
    return record.seq
