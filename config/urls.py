"""Route every URL of the site, in one place."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from accounts.views import SignOutView, admin_sign_in, back_channel_logout
from billing.admin.dashboard.page import figures_view
from billing.pages.referral import follow_link
from config.redirects import credits_app_index

handler500 = "core.failures.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="credits", query_string=True), name="home"),
    path("credits/", include("billing.pages.urls")),
    path("credits/", include("credits.pages.urls")),
    path("r/<str:code>", follow_link, name="referral"),
    path("api/v1/credits/", include("credits.api.urls")),
    path("api/", include("billing.api.urls")),
    path("accounts/", include("accounts.urls")),
    path("teams/", include("accounts.teams.urls")),
    re_path(r"^oidc/backchannel-logout/?$", back_channel_logout, name="oidc-backchannel-logout"),
    path("oidc/", include("mozilla_django_oidc.urls")),
    path("admin/login/", admin_sign_in),
    path("admin/logout/", SignOutView.as_view()),
    # The older URLs of the customer pages. `/admin/credits/` is the ledger's own index for staff.
    path("admin/credits", RedirectView.as_view(pattern_name="credits", query_string=True)),
    path("admin/credits/", credits_app_index),
    re_path(r"^admin/credits/purchase/?$", RedirectView.as_view(pattern_name="credits", query_string=True)),
    re_path(
        r"^admin/credits/history/?$", RedirectView.as_view(pattern_name="credits-history", query_string=True)
    ),
    path("admin/figures/<slug:code>.csv", figures_view, name="figures-file"),
    path("admin/customers/", include("billing.admin.customers.urls")),
    path("admin/", admin.site.urls),
    path("", include("config.operations_urls")),
]
if settings.DJSTRIPE_PREFIX:
    urlpatterns.append(path(f"{settings.DJSTRIPE_PREFIX}/", include("billing.api.djstripe_urls")))
