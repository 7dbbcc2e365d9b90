"""Where the buyer goes: the page of a session, its 3-D Secure step, and the receipt of a charge."""

from django.urls import URLPattern, path

from sandbox.checkout_page import views

urlpatterns: list[URLPattern] = [
    path("c/pay/<str:session_id>", views.checkout, name="checkout"),
    path("c/pay/<str:session_id>/authenticate", views.authentication, name="authentication"),
    path("receipts/<str:charge_id>", views.receipt, name="receipt"),
]
