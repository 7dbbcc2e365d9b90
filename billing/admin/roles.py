"""Define what each staff group may do besides viewing, which all staff may.

`manage.py migrate` resets these groups to the permissions here; for others, create a group of another name. Admins
are superusers and need no group.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission

PERMISSIONS: dict[str, tuple[str, ...]] = {
    # Helps buyers: refunds up to REFUND_LIMIT, and reprocesses what is stuck.
    "support": (
        "refunds.refund_purchase",
        "purchases.rerun_fulfilment",
        "auto_top_up.suspend_auto_top_ups",
        "subscriptions.cancel_subscription",
        "referrals.stop_referrals",
        "inbox.reapply_event",
        "inbox.view_personal_data",
        "accounts.suspend_user",
        "credits.change_hold",
        "notes.add_note",
    ),
    "finance": (
        "refunds.refund_purchase",
        "refunds.refund_any_amount",
        "purchases.rerun_fulfilment",
        "auto_top_up.suspend_auto_top_ups",
        "subscriptions.cancel_subscription",
        "referrals.stop_referrals",
        "inbox.reapply_event",
        "purchases.download_sales",
        "reconciliation.run_reconciliation",
        "reconciliation.repair_finding",
        "inbox.view_personal_data",
        "credits.download_ledger",
        "accounts.export_user",
        "accounts.suspend_user",
        "accounts.erase_user",
        "audit.view_auditentry",
        "credits.adjust_credits",
        "credits.approve_adjustment",
        "redemption.add_codebatch",
        "redemption.change_codebatch",
        "credits.change_hold",
        "notes.add_note",
    ),
    "catalogue": (
        "packages.add_package",
        "packages.change_package",
        "packages.add_packageprice",
        "packages.change_packageprice",
        "packages.delete_packageprice",
        "packages.add_customamount",
        "packages.change_customamount",
        "plans.add_plan",
        "plans.change_plan",
        "discounts.add_discountcode",
        "discounts.change_discountcode",
        "discounts.add_codeamount",
        "discounts.change_codeamount",
        "discounts.delete_codeamount",
        "discounts.add_sale",
        "discounts.change_sale",
        "discounts.add_multibuy",
        "discounts.change_multibuy",
        "rates.add_rate",
        "rates.change_rate",
        "rates.delete_rate",
        "rates.add_markup",
        "rates.change_markup",
        "rates.delete_markup",
    ),
}


def bring_groups_up_to_date(**signal: Any) -> None:
    """Set each group's permissions, after migrate has created them.

    Raises:
        Permission.DoesNotExist: a permission above doesn't exist.
    """
    for name, wanted in PERMISSIONS.items():
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.set([_permission(label) for label in wanted])


def _permission(label: str) -> Permission:
    app, codename = label.split(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)
