"""Create, read and delete coupons. Those of subscriptions that last for several invoices aren't supported."""

from stripe import params as stripe_params

from sandbox import store
from sandbox.shapes import Json, make_object
from sandbox.stripe_api.errors import (
    ApiError,
    InvalidParameterError,
    MissingParameterError,
    refuse_unsupported,
)
from sandbox.stripe_api.fields import find_undeleted, mark_deleted, merge_metadata, pick_fields
from sandbox.stripe_api.lists import serve_reading
from sandbox.stripe_api.resources.prices import read_currency
from sandbox.stripe_api.routing import Call, route
from sandbox.webhooks.events import emit

_UNSUPPORTED = ("applies_to", "currency_options", "duration_in_months")
_FIELDS = ("amount_off", "id", "max_redemptions", "name", "percent_off", "redeem_by")
serve_reading("coupon", find=find_undeleted)


@route("POST", "/v1/coupons", stripe_params.CouponCreateParams)
def create(call: Call) -> Json:
    params = call.params
    refuse_unsupported(params, _UNSUPPORTED)
    if params.get("duration", "once") != "once":
        raise InvalidParameterError("The local sandbox's coupons last once.", param="duration")
    if ("amount_off" in params) == ("percent_off" in params):
        raise InvalidParameterError(
            "You must pass either `percent_off` or `amount_off`.", param="percent_off"
        )
    if "percent_off" in params and not 0 < params["percent_off"] <= 100:
        raise InvalidParameterError("Invalid decimal; must be between 0 and 100.", param="percent_off")
    if "amount_off" in params and "currency" not in params:
        raise MissingParameterError("currency")
    if "id" in params and store.find_record("coupon", params["id"]):
        raise ApiError("Coupon already exists.", code="resource_already_exists", param="id")
    coupon = make_object("coupon", **pick_fields(params, _FIELDS))
    coupon["metadata"] = merge_metadata({}, params.get("metadata"))
    if "amount_off" in params:
        coupon["currency"] = read_currency(params["currency"], "")
    emit("coupon.created", store.add_object(coupon).data)
    return coupon


@route("DELETE", "/v1/coupons/{id}", stripe_params.CouponDeleteParams)
def delete(call: Call) -> Json:
    record = find_undeleted("coupon", call.ids["id"])
    emit("coupon.deleted", record.data)
    return mark_deleted(record)
