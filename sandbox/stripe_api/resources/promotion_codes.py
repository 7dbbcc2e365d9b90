"""Create, read and switch off promotion codes, which buyers enter on the hosted page."""

from stripe import params as stripe_params

from sandbox import ids, store
from sandbox.shapes import Json, make_object
from sandbox.stripe_api.errors import ApiError, refuse_unsupported
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import find_in_parameter, find_in_path, merge_metadata, pick_fields
from sandbox.stripe_api.lists import serve_reading
from sandbox.stripe_api.routing import Call, route
from sandbox.webhooks.events import change_and_emit, emit

_UNSUPPORTED = ("customer", "restrictions")
expands_to("", coupon="coupon")  # of `promotion`, a part without a type
serve_reading("promotion_code", "active", "code")


@route("POST", "/v1/promotion_codes", stripe_params.PromotionCodeCreateParams)
def create(call: Call) -> Json:
    params = call.params
    refuse_unsupported(params, _UNSUPPORTED)
    coupon = find_in_parameter("coupon", params["promotion"].get("coupon", ""), "promotion[coupon]")
    code = params.get("code") or ids.make_token(8).upper()
    if store.list_records("promotion_code").filter(data__code__iexact=code, data__active=True).exists():
        raise ApiError("An active promotion code with this code already exists.", param="code")
    made = make_object(
        "promotion_code", **pick_fields(params, ("active", "expires_at", "max_redemptions")), code=code
    )
    made["promotion"] = {"coupon": coupon.id, "type": "coupon"}
    made["metadata"] = merge_metadata({}, params.get("metadata"))
    emit("promotion_code.created", store.add_object(made).data)
    return made


@route("POST", "/v1/promotion_codes/{id}", stripe_params.PromotionCodeUpdateParams)
def update(call: Call) -> Json:
    record = find_in_path("promotion_code", call.ids["id"], "promotion_code")
    refuse_unsupported(call.params, _UNSUPPORTED)
    metadata = merge_metadata(record.data["metadata"], call.params.get("metadata"))
    change_and_emit(
        record, "promotion_code.updated", **pick_fields(call.params, ("active",)), metadata=metadata
    )
    return dict(record.data)
