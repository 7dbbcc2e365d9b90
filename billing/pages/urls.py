"""Route the buyer's pages."""

from __future__ import annotations

from django.urls import path

from billing.pages import auto_top_up, cards, gifts, plans, reminders, several, views
from billing.pages import dismissal as dismissal_views
from billing.pages import receipts as receipt_views

urlpatterns = [
    path("", views.credits_page, name="credits"),
    path("amount", views.amount_page, name="credits-amount"),
    path("several", several.several_page, name="credits-several"),
    path("buy", views.buy, name="credits-buy"),
    path("success", views.success_page, name="credits-success"),
    path("success/", views.success_page),
    path("my-data", views.download_my_data, name="credits-my-data"),
    path("billing/", cards.billing_page, name="credits-billing"),
    path("billing/cards/add", cards.add_card, name="credits-card-add"),
    path("billing/cards/remove", cards.remove_card, name="credits-card-remove"),
    path("billing/cards/default", cards.make_card_default, name="credits-card-default"),
    path("billing/auto-top-up", auto_top_up.save, name="credits-auto-top-up"),
    path("billing/auto-top-up/off", auto_top_up.off, name="credits-auto-top-up-off"),
    path("billing/auto-top-up/again", auto_top_up.again, name="credits-auto-top-up-again"),
    path("billing/plan/subscribe", plans.subscribe_to, name="credits-subscribe"),
    path("billing/plan/change", plans.change, name="credits-plan-change"),
    path("billing/plan/ending", plans.change_ending, name="credits-plan-ending"),
    path("billing/portal", cards.portal, name="credits-portal"),
    path("history/", views.history_page, name="credits-history"),
    path("purchases/<uuid:purchase_id>/dismiss", dismissal_views.dismiss, name="credits-dismiss"),
    path("purchases/<uuid:purchase_id>/resume", reminders.resume, name="credits-resume"),
    path("gifts/buy", gifts.buy_gift, name="credits-gift-buy"),
    path("gifts/<uuid:purchase_id>", gifts.gift_page, name="credits-gift-order"),
    path("reminders", reminders.choose_reminders, name="credits-reminders"),
    path("reminders/<uuid:reminder_id>/stop", reminders.stop_reminders, name="credits-reminders-stop"),
    path("purchases/<uuid:purchase_id>/receipt", receipt_views.receipt, name="credits-receipt"),
    path("refunds/<uuid:refund_id>/credit-note", receipt_views.credit_note, name="credits-credit-note"),
]
