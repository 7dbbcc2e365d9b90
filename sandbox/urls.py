"""Route all addresses of the sandbox."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.static import serve
from oauth2_provider.views import ConnectDiscoveryInfoView, JwksInfoView, UserInfoView

from sandbox.checkout_page import bank_page, invoice_pages, views
from sandbox.controls import (
    account,
    checkout,
    customers,
    objects,
    payments,
    releasing,
    state,
    subscriptions,
    webhooks,
)
from sandbox.controls import openid as openid_controls
from sandbox.controls.answering import control
from sandbox.index_page import show_index
from sandbox.openid import views as openid_views
from sandbox.portal import views as portal
from sandbox.settings import BASE_DIR
from sandbox.stripe_api.view import answer_api

_SESSION = "checkout/sessions/<str:session_id>/"
_REFUND = "refunds/<str:refund_id>/"
_DISPUTE = "disputes/<str:dispute_id>/"
_PORTAL = "p/session/<str:session_id>/<str:secret>"
_OBJECTS = "objects/<str:object_type>"

_controls: list[URLPattern] = [
    path(_SESSION + "pay", control(POST=checkout.pay)),
    path(_SESSION + "pay_again", control(POST=checkout.pay_again)),
    path(_SESSION + "discount", control(POST=checkout.discount)),
    path(_SESSION + "settle", control(POST=checkout.settle)),
    path(_SESSION + "fail", control(POST=checkout.fail)),
    path(_SESSION + "expire", control(POST=checkout.expire)),
    path("payments", control(POST=payments.pay)),
    path("customers/<str:customer_id>/card", control(POST=customers.replace_card)),
    path("payment_methods/<str:method_id>/expiry", control(POST=customers.set_expiry)),
    path(_REFUND + "succeed", control(POST=payments.succeed_refund)),
    path(_REFUND + "fail", control(POST=payments.fail_refund)),
    path(_REFUND + "require_action", control(POST=payments.require_action)),
    path("charges/<str:charge_id>/dispute", control(POST=payments.dispute)),
    path(_DISPUTE + "close", control(POST=payments.close_dispute)),
    path(_DISPUTE + "escalate", control(POST=payments.escalate_dispute)),
    path("subscriptions/<str:subscription_id>/renew", control(POST=subscriptions.renew)),
    path("account", control(GET=account.show, POST=account.change)),
    path("keys", control(GET=account.show_keys, POST=account.keep)),
    path("webhooks", control(GET=webhooks.list_deliveries)),
    path("webhooks/mode", control(POST=webhooks.set_mode)),
    path("webhooks/release", control(POST=releasing.release)),
    path("webhooks/send", control(POST=webhooks.send_raw)),
    path("webhooks/drop", control(POST=webhooks.drop)),
    path("webhooks/wait", control(POST=webhooks.wait)),
    path("faults", control(GET=state.show_faults, POST=state.add_fault, DELETE=state.clear_faults)),
    path("clock", control(GET=state.show_clock, POST=state.advance_clock)),
    path(_OBJECTS, control(GET=objects.list_objects)),
    path(_OBJECTS + "/<str:object_id>", control(PATCH=objects.change_object)),
    path(_OBJECTS + "/<str:object_id>/copies", control(POST=objects.copy_object)),
    path(
        "oddities", control(GET=objects.show_oddities, POST=objects.add_oddity, DELETE=objects.clear_oddities)
    ),
    path("requests", control(GET=state.list_calls, DELETE=state.clear_calls)),
    path("events", control(POST=state.emit_event)),
    path("reset", control(POST=state.reset)),
    path("openid/token", control(POST=openid_controls.mint_tokens)),
    path("openid/logout", control(POST=openid_controls.log_out)),
    path("openid/users", control(POST=openid_controls.save_user)),
    path("openid/next", control(POST=openid_controls.tamper_with_next)),
    path("openid/keys/rotate", control(POST=openid_controls.rotate_keys)),
]
# django-oauth-toolkit finds these by name in the namespace `oauth2_provider`.
_openid = [
    path(
        ".well-known/openid-configuration",
        ConnectDiscoveryInfoView.as_view(),
        name="oidc-connect-discovery-info",
    ),
    path("protocol/openid-connect/auth", openid_views.AuthorizeView.as_view(), name="authorize"),
    path("protocol/openid-connect/token", openid_views.ExchangeView.as_view(), name="token"),
    path("protocol/openid-connect/userinfo", UserInfoView.as_view(), name="user-info"),
    path("protocol/openid-connect/certs", JwksInfoView.as_view(), name="jwks-info"),
    path("protocol/openid-connect/logout", openid_views.LogoutView.as_view(), name="rp-initiated-logout"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", show_index),
    path("_assets/<path:path>", serve, {"document_root": BASE_DIR / "assets"}),
    re_path(r"^v1/", answer_api),
    path("_sandbox/", include(_controls)),
    path("c/pay/<str:session_id>", views.checkout, name="checkout"),
    path("c/pay/<str:session_id>/authenticate", views.authentication, name="authentication"),
    path("authenticate/<str:intent_id>/<str:secret>", bank_page.authentication, name="intent-authentication"),
    path(_PORTAL, portal.home, name="portal"),
    path(_PORTAL + "/card", portal.card, name="portal-card"),
    path(_PORTAL + "/plan", portal.plan, name="portal-plan"),
    path(_PORTAL + "/authenticate", portal.authentication, name="portal-authentication"),
    path("receipts/<str:charge_id>", views.receipt, name="receipt"),
    path("i/<str:invoice_id>/<str:secret>", invoice_pages.invoice, name="invoice"),
    path("i/<str:invoice_id>/<str:secret>/pdf", invoice_pages.invoice_pdf, name="invoice-pdf"),
    path("realms/demo/", include((_openid, "oauth2_provider"))),
    path("realms/demo/login-actions/authenticate", openid_views.SignInView.as_view(), name="openid-sign-in"),
]
