"""Where each control is found, under ``/_sandbox/``."""

from django.urls import URLPattern, path

from sandbox.controls import account, checkout, disputes, keys, objects, payments, refunds, state, webhooks
from sandbox.controls.answering import control, control_of_bytes

_SESSION = "checkout/sessions/<str:session_id>/"
_REFUND = "refunds/<str:refund_id>/"
_DISPUTE = "disputes/<str:dispute_id>/"
_OBJECTS = "objects/<str:object_type>"
_ODDITIES = {"GET": objects.show_oddities, "POST": objects.order_oddity, "DELETE": objects.clear_oddities}

urlpatterns: list[URLPattern] = [
    path(_SESSION + "pay", control(POST=checkout.pay)),
    path(_SESSION + "pay_again", control(POST=checkout.pay_again)),
    path(_SESSION + "discount", control(POST=checkout.discount)),
    path(_SESSION + "settle", control(POST=checkout.settle)),
    path(_SESSION + "fail", control(POST=checkout.fail)),
    path(_SESSION + "expire", control(POST=checkout.expire)),
    path("payments", control(POST=payments.pay)),
    path(_REFUND + "succeed", control(POST=refunds.succeed)),
    path(_REFUND + "fail", control(POST=refunds.fail)),
    path(_REFUND + "require_action", control(POST=refunds.require_action)),
    path("charges/<str:charge_id>/dispute", control(POST=disputes.dispute)),
    path(_DISPUTE + "close", control(POST=disputes.close)),
    path(_DISPUTE + "escalate", control(POST=disputes.escalate)),
    path("account", control(GET=account.show, POST=account.change)),
    path("keys", control(GET=keys.show, POST=keys.keep)),
    path("webhooks", control(GET=webhooks.list_deliveries)),
    path("webhooks/mode", control(GET=webhooks.show_mode, POST=webhooks.set_mode)),
    path("webhooks/release", control(POST=webhooks.release)),
    path("webhooks/send", control_of_bytes(webhooks.send_raw)),
    path("webhooks/drop", control(POST=webhooks.drop)),
    path("webhooks/wait", control(POST=webhooks.wait)),
    path("faults", control(GET=state.show_faults, POST=state.order_fault, DELETE=state.clear_faults)),
    path("clock", control(GET=state.show_clock, POST=state.advance_clock)),
    path(_OBJECTS, control(GET=objects.list_objects)),
    path(_OBJECTS + "/<str:object_id>", control(PATCH=objects.change_object)),
    path(_OBJECTS + "/<str:object_id>/copies", control(POST=objects.copy_object)),
    path("oddities", control(**_ODDITIES)),
    path("requests", control(GET=state.list_calls, DELETE=state.clear_calls)),
    path("events", control(POST=state.emit_event)),
    path("reset", control(POST=state.reset)),
]
