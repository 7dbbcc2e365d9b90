"""Route the credits pages, under ``/credits/`` beside those for buying."""

from __future__ import annotations

from django.urls import path

from credits.pages import redeeming, views

urlpatterns = [
    path("statement/", views.statement_page, name="credits-statement"),
    path("statement.csv", views.statement_csv, name="credits-statement-csv"),
    path("gift/", views.gift_page, name="credits-gift"),
    path("gift/give", views.give, name="credits-gift-give"),
    path("redeem/", redeeming.redeem_page, name="credits-redeem"),
    path("low-balance", views.set_threshold, name="credits-low-balance"),
    path("low-balance/hide", views.hide_notice, name="credits-low-balance-hide"),
]
