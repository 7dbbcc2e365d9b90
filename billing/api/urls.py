"""Route the purchase API, its schema and the older client's URLs."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.views import APIView

from billing.api import (
    auto_top_up,
    cards,
    legacy,
    receipts,
    redemptions,
    referral,
    refunds,
    subscriptions,
    views,
)
from billing.api.webhook import WebhookView
from credits.rates.api import EstimateView

V1 = "v1/billing/credits/"


def without_slashed_twins(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Describe each URL once in the schema (drf-spectacular's hook)."""
    return [endpoint for endpoint in endpoints if not endpoint[0].endswith("/")]


def _either_way(route: str, view: type[APIView], name: str) -> list[URLPattern]:
    """Route a URL with and without a trailing slash: Stripe follows no redirect, and a redirected POST has no body."""
    return [path(route, view.as_view(), name=name), path(f"{route}/", view.as_view())]


urlpatterns: list[URLPattern] = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api-schema", throttle_classes=[]),
        name="api-docs",
    ),
    *_either_way(f"{V1}packages", views.PackagesView, "api-packages"),
    *_either_way(f"{V1}quote", views.QuoteView, "api-quote"),
    *_either_way(f"{V1}purchase", views.PurchaseView, "api-purchase"),
    *_either_way(f"{V1}payment-methods", cards.PaymentMethodsView, "api-payment-methods"),
    *_either_way(f"{V1}top-ups", cards.TopUpsView, "api-top-ups"),
    *_either_way(f"{V1}auto-top-up", auto_top_up.AutoTopUpView, "api-auto-top-up"),
    *_either_way(f"{V1}referral", referral.ReferralView, "api-referral"),
    *_either_way(f"{V1}session/<str:session_id>", views.SessionView, "api-session"),
    *_either_way(f"{V1}history", views.HistoryView, "api-history"),
    *_either_way(f"{V1}purchases/<str:purchase_id>/receipt", receipts.ReceiptView, "api-receipt"),
    *_either_way(f"{V1}refunds/<str:refund_id>/credit-note", receipts.CreditNoteView, "api-credit-note"),
    *_either_way(f"{V1}balance", views.BalanceView, "api-balance"),
    *_either_way(f"{V1}redemptions", redemptions.RedemptionsView, "api-redemptions"),
    *_either_way(f"{V1}plans", subscriptions.PlansView, "api-plans"),
    *_either_way(f"{V1}subscriptions", subscriptions.SubscriptionsView, "api-subscriptions"),
    *_either_way(
        f"{V1}subscriptions/<str:subscription_id>", subscriptions.SubscriptionView, "api-subscription"
    ),
    *_either_way(f"{V1}estimate", EstimateView, "api-estimate"),
    *_either_way(f"{V1}admin/purchases", views.AdminPurchasesView, "api-admin-purchases"),
    *_either_way(
        f"{V1}admin/purchases/<str:purchase_id>/refund-preview",
        refunds.RefundPreviewView,
        "api-refund-preview",
    ),
    *_either_way(f"{V1}admin/purchases/<str:purchase_id>/refunds", refunds.RefundsView, "api-refunds"),
    *_either_way(f"{V1}webhook", WebhookView, "api-webhook"),
    path("v1/<path:rest>", views.NothingHereView.as_view()),
    *_either_way("credits/estimate", legacy.LegacyEstimateView, "legacy-estimate"),
    *_either_way("credits/purchase", legacy.LegacyPurchaseView, "legacy-purchase"),
    *_either_way("credits/session/<str:session_id>", legacy.LegacySessionView, "legacy-session"),
    *_either_way("credits/webhook", legacy.LegacyWebhookView, "legacy-webhook"),
]
