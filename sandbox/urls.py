"""The whole of the sandbox's addresses."""

from django.urls import include, path, re_path
from django.views.static import serve

from sandbox.checkout_page.urls import urlpatterns as checkout_page
from sandbox.controls.urls import urlpatterns as controls
from sandbox.index_page import show_index
from sandbox.openid.urls import urlpatterns as openid
from sandbox.settings import BASE_DIR
from sandbox.stripe_api.view import answer_api

urlpatterns = [
    path("", show_index),
    path("_assets/<path:path>", serve, {"document_root": BASE_DIR / "assets"}),
    re_path(r"^v1/", answer_api),
    path("_sandbox/", include(controls)),
    path("", include(checkout_page)),
    path("", include(openid)),
]
