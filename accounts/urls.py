from __future__ import annotations

from django.urls import path

from accounts.views import SignInView, SignOutView, choose_another_language, choose_time_zone

app_name = "accounts"
urlpatterns = [
    path("login/", SignInView.as_view(), name="login"),
    path("logout/", SignOutView.as_view(), name="logout"),
    path("language", choose_another_language, name="language"),
    path("time-zone", choose_time_zone, name="time-zone"),
]
