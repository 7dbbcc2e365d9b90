"""The realm, under `/realms/demo/`, and the controls, under `/_sandbox/openid/`.

django-oauth-toolkit looks its endpoints up by name in the namespace `oauth2_provider`.
"""

from django.urls import URLPattern, URLResolver, include, path
from oauth2_provider.views import UserInfoView

from sandbox.openid import controls, views

_endpoints = [
    path(".well-known/openid-configuration", views.show_configuration, name="oidc-connect-discovery-info"),
    path("protocol/openid-connect/auth", views.AuthorizeView.as_view(), name="authorize"),
    path("protocol/openid-connect/token", views.ExchangeView.as_view(), name="token"),
    path("protocol/openid-connect/userinfo", UserInfoView.as_view(), name="user-info"),
    path("protocol/openid-connect/certs", views.show_keys, name="jwks-info"),
    path("protocol/openid-connect/logout", views.LogoutView.as_view(), name="rp-initiated-logout"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("realms/demo", views.show_realm),
    path("realms/demo/", include((_endpoints, "oauth2_provider"))),
    path("realms/demo/login-actions/authenticate", views.SignInView.as_view(), name="openid-sign-in"),
    path("realms/demo/resources/style.css", views.show_style, name="openid-style"),
    path("_sandbox/openid/token", controls.mint_tokens),
    path("_sandbox/openid/logout", controls.log_out),
    path("_sandbox/openid/users", controls.save_person),
    path("_sandbox/openid/next", controls.order_misfortune),
    path("_sandbox/openid/keys/rotate", controls.rotate_keys),
]
