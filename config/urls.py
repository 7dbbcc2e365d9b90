"""Every address of the site, in one place."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from accounts.views import SignOutView, admin_sign_in

urlpatterns = [
    path("accounts/", include("accounts.urls")),
    path("oidc/", include("mozilla_django_oidc.urls")),
    path("admin/login/", admin_sign_in),
    path("admin/logout/", SignOutView.as_view()),
    path("admin/", admin.site.urls),
]
