"""Invoices, to read: here they come from checkout sessions only."""

from stripe.params._invoice_list_params import InvoiceListParams
from stripe.params._invoice_retrieve_params import InvoiceRetrieveParams

from sandbox.shapes import Json
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import find_in_path
from sandbox.stripe_api.lists import list_page, pick_filters
from sandbox.stripe_api.routing import Call, route

expands_to("invoice", customer="customer")


@route("GET", "/v1/invoices", InvoiceListParams)
def list_all(call: Call) -> Json:
    return list_page(call, "invoice", **pick_filters(call.params, "customer", "status"))


@route("GET", "/v1/invoices/{invoice}", InvoiceRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(find_in_path("invoice", call.ids["invoice"], "invoice").data)
