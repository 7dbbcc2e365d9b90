"""Define the admin's sidebar."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def sections(request: HttpRequest) -> list[dict[str, Any]]:
    """Return unfold's navigation, with what staff use most at the top."""
    return [
        {"items": [{"title": _("Overview"), "icon": "dashboard", "link": reverse_lazy("admin:index")}]},
        {
            "title": _("Shop"),
            "items": [
                _item(_("Purchases"), "shopping_cart", "purchases_purchase"),
                _item(_("Payments"), "credit_card", "purchases_payment"),
                _item(_("Subscriptions"), "event_repeat", "subscriptions_subscription"),
                _item(_("Packages"), "inventory_2", "packages_package"),
                _item(_("Plans"), "autorenew", "plans_plan"),
                _item(_("Custom amounts"), "attach_money", "packages_customamount"),
                _item(_("Discount codes"), "sell", "discounts_discountcode"),
                _item(_("Sales"), "percent", "discounts_sale"),
                _item(_("Multi-buys"), "redeem", "discounts_multibuy"),
                _item(_("Referrals"), "group_add", "referrals_referral"),
                _item(_("Referrers"), "campaign", "referrals_referrer"),
                _item(_("Automatic top-ups"), "autorenew", "auto_top_up_autotopup"),
                _item(_("Top-up attempts"), "bolt", "auto_top_up_attempt"),
                _item(_("Refunds"), "currency_exchange", "refunds_refund"),
                _item(_("Disputes"), "gavel", "refunds_dispute"),
                _item(_("Receipts"), "request_quote", "receipts_receipt"),
                _item(_("Gifts"), "redeem", "gift_codes_giftorder"),
                _item(_("Customers"), "person", "customers_customer"),
                _item(_("Saved cards"), "add_card", "customers_savedmethod"),
                _item(_("Consents"), "handshake", "customers_consent"),
                _item(_("Purchase events"), "history", "purchases_purchaseevent"),
            ],
        },
        {
            "title": _("Ledger"),
            "items": [
                _item(_("Accounts"), "account_balance", "credits_account"),
                _item(_("Lots"), "stacks", "credits_lot"),
                _item(_("Entries"), "receipt_long", "credits_entry"),
                _item(_("Holds"), "lock_clock", "credits_hold"),
                _item(_("Adjustments"), "tune", "credits_adjustment"),
                _item(_("Code batches"), "redeem", "redemption_codebatch"),
                _item(_("Redemption codes"), "qr_code", "redemption_code"),
            ],
        },
        {
            "title": _("Rate card"),
            "items": [
                _item(_("Rates"), "price_change", "rates_rate"),
                _item(_("Markups"), "percent", "rates_markup"),
            ],
        },
        {
            "title": _("Access"),
            "items": [
                _item(_("Users"), "group", "accounts_user"),
                _item(_("Teams"), "diversity_3", "teams_team"),
                _item(_("Groups"), "groups", "auth_group"),
                _item(_("API clients"), "api", "clients_apiclient"),
                _item(_("API keys"), "key", "clients_apikey"),
            ],
        },
        {
            "title": _("Operations"),
            "items": [
                _item(_("Reconciliations"), "compare_arrows", "reconciliation_reconciliationrun"),
                _item(_("Issues"), "rule", "reconciliation_reconciliationfinding"),
                _item(_("Webhook inbox"), "inbox", "inbox_inboxevent"),
                {**_item(_("Audit log"), "policy", "audit_auditentry"), "permission": _may_read_audit},
                _item(_("Jobs"), "work_history", "procrastinate_procrastinatejob"),
            ],
        },
        {
            "title": _("Stripe records"),
            "collapsible": True,
            "items": [
                _item(_("Products"), "sell", "djstripe_product"),
                _item(_("Prices"), "payments", "djstripe_price"),
                _item(_("Charges"), "receipt", "djstripe_charge"),
                _item(_("Customers"), "person", "djstripe_customer"),
                _item(_("Payment methods"), "wallet", "djstripe_paymentmethod"),
                _item(_("Balance transactions"), "account_balance_wallet", "djstripe_balancetransaction"),
                _item(_("Stripe account"), "store", "djstripe_account"),
            ],
        },
    ]


def _may_read_audit(request: HttpRequest) -> bool:
    return request.user.has_perm("audit.view_auditentry")


def _item(title: Any, icon: str, model: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}
