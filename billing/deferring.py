"""Defer billing's jobs, which `billing.tasks` runs."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from core.jobs.deferring import defer


def defer_confirmation(purchase_id: UUID) -> None:
    """Email the purchase's confirmation."""
    defer("billing.send_confirmation", purchase_id=str(purchase_id))


def defer_payment_failed_mail(purchase_id: UUID) -> None:
    """Email the buyer that a delayed payment failed."""
    defer("billing.send_payment_failed", purchase_id=str(purchase_id))


def defer_refund_mail(refund_id: UUID) -> None:
    """Email the buyer that a refund was made."""
    defer("billing.send_refund_mail", refund_id=str(refund_id))


def defer_dispute_mail(dispute_id: UUID) -> None:
    """Email staff that a dispute was opened."""
    defer("billing.tell_staff_of_dispute", dispute_id=str(dispute_id))


def defer_refund(refund_id: UUID) -> None:
    """Request the refund from Stripe in a minute, in case the process requesting it now dies."""
    defer(
        "billing.issue_refund",
        lock=f"refund:{refund_id}",
        after=timedelta(minutes=1),
        refund_id=str(refund_id),
    )


def defer_refund_sync(payment_id: UUID) -> None:
    """Record every refund that Stripe has for the payment."""
    defer("billing.sync_refunds", payment_id=str(payment_id))


def defer_auto_top_up(auto_top_up_id: int) -> None:
    """Top up an account below its threshold, one attempt at a time."""
    defer("billing.top_up", lock=f"top-up:{auto_top_up_id}", auto_top_up_id=auto_top_up_id)


def defer_auto_top_up_news(auto_top_up_id: int, what: str) -> None:
    """Have an email sent to each recipient of the account about its automatic top-up."""
    defer("billing.mail_auto_top_up", auto_top_up_id=auto_top_up_id, what=what)


def defer_auto_top_up_mail(auto_top_up_id: int, what: str, user_id: UUID) -> None:
    """Email one of them."""
    defer("billing.mail_auto_top_up", auto_top_up_id=auto_top_up_id, what=what, user_id=str(user_id))


def defer_subscription_sync(subscription_id: UUID, stripe_subscription_id: str) -> None:
    """Take over what Stripe says of a subscription and its invoices, one at a time per subscription."""
    defer(
        "billing.sync_subscription",
        lock=f"subscription:{subscription_id}",
        subscription_id=str(subscription_id),
        stripe_subscription_id=stripe_subscription_id,
    )


def defer_card_expires(method_id: UUID) -> None:
    """Have an email sent to each recipient of the account: a card which something depends on expires."""
    defer("billing.send_card_expires", method_id=str(method_id))


def defer_card_expires_mail(method_id: UUID, user_id: UUID) -> None:
    """Email one of them."""
    defer("billing.send_card_expires", method_id=str(method_id), user_id=str(user_id))


def defer_referral_mail(reward_id: UUID) -> None:
    """Email a user that they were rewarded for a referral."""
    defer("billing.send_referral_mail", reward_id=str(reward_id))


def defer_checkout_reminder(reminder_id: UUID) -> None:
    """Remind a buyer of an expired checkout, if nothing stands against it."""
    defer("billing.send_checkout_reminder", reminder_id=str(reminder_id))


def defer_gift_code_mail(gift_id: UUID) -> None:
    """Email a gift's code to its recipient, one at a time per gift."""
    defer("billing.send_gift_code", lock=f"gift-code:{gift_id}", gift_id=str(gift_id))


def defer_scheduled_grants(purchase_id: UUID) -> None:
    """Grant what is due of a purchase whose credits come in several lots."""
    lock = f"scheduled:{purchase_id}"
    defer("billing.grant_scheduled", lock=lock, purchase_id=str(purchase_id))


def defer_renewal_failed_mail(invoice_id: int) -> None:
    """Email the subscriber that an invoice couldn't be collected, with the link to pay it."""
    defer("billing.send_renewal_failed", invoice_id=invoice_id)


def defer_customer_deletion(customer_id: UUID) -> None:
    """Delete an erased account's customer at Stripe."""
    defer("billing.delete_customer", lock=f"customer:{customer_id}", customer_id=str(customer_id))


def defer_mirroring(event_id: str, object_id: str) -> None:
    """Mirror the stored event, one at a time per Stripe object."""
    defer("billing.mirror_event", lock=f"mirror:{object_id}", event_id=event_id)


def defer_reconciliation(run_id: int) -> None:
    """Resume the reconciliation run where it stopped."""
    defer("billing.work_on_reconciliation", run_id=run_id)


def defer_late_redaction(user_id: UUID) -> None:
    """Redact personal data written during the user's erasure, once those transactions have ended."""
    defer(
        "billing.hide_late_copies",
        lock=f"erased:{user_id}",
        after=timedelta(minutes=10),
        user_id=str(user_id),
    )
