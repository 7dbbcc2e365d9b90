"""Where the buyer goes: the page of a session, its 3-D Secure step, the receipt of a charge, and the invoice."""

from django.urls import URLPattern, path

from sandbox.checkout_page import invoice_pages, views

urlpatterns: list[URLPattern] = [
    path("c/pay/<str:session_id>", views.checkout, name="checkout"),
    path("c/pay/<str:session_id>/authenticate", views.authentication, name="authentication"),
    path("receipts/<str:charge_id>", views.receipt, name="receipt"),
    path("i/<str:invoice_id>/<str:secret>", invoice_pages.invoice, name="invoice"),
    path("i/<str:invoice_id>/<str:secret>/pdf", invoice_pages.invoice_pdf, name="invoice-pdf"),
]
