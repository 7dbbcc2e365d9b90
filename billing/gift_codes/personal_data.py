"""Export and erase who bought packages as a gift, for whom, and with which words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.normal_form import NormalForm
from accounts.privacy.registry import Obstacle, PersonalData, csv_file
from billing.gift_codes.models import GiftOrder
from billing.purchases.models import Purchase


def _bought(user: User) -> QuerySet[GiftOrder]:
    return GiftOrder.objects.filter(purchase__user=user).select_related("purchase")


def _about(user: User) -> QuerySet[GiftOrder]:
    """Return those that the user bought, that were sent to their address, or that they redeemed."""
    about = Q(purchase__user=user) | Q(code__redeemed_by=user)
    if user.email_key:
        about |= Q(recipient_key=user.email_key)
    return GiftOrder.objects.annotate(recipient_key=NormalForm("recipient_email")).filter(about)


class GiftCodesData(PersonalData):
    lock_rank = 1
    files = (
        csv_file(
            "gift-orders.csv",
            "packages that you bought as a gift, and for whom",
            ("gift_codes.GiftOrder",),
            {
                "purchase": "purchase_id",
                "recipient": "recipient_email",
                "name": "recipient_name",
                "message": "message",
                "to_be_sent": "send_at",
                "sent": "sent_at",
            },
            _bought,
        ),
    )

    def lock(self, user: User) -> None:
        list(_about(user).order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk"))

    def obstacles(self, user: User, *, forfeit: bool) -> Iterator[Obstacle]:
        paid = [Purchase.Status.COMPLETED, Purchase.Status.PARTIALLY_REFUNDED]
        if _bought(user).filter(sent_at=None, shown_at=None, purchase__status__in=paid).exists():
            yield Obstacle(
                "gifts_to_send",
                _("A gift that they paid for wasn’t sent yet. Wait for its day, or refund it."),
            )

    def count(self, user: User) -> Mapping[str, int]:
        return {
            "gift orders": _about(user).exclude(recipient_email="", recipient_name="", message="").count()
        }

    def erase(self, user: User) -> None:
        _about(user).update(recipient_email="", recipient_name="", message="")
