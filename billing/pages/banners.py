"""Tell who manages an account's billing, on every page, what stands in the way of the next credits, and what to press.

Each banner has one action. What only staff can mend has none, so it is no banner: the billing page says it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef
from django.db.models.functions import JSONObject
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.teams.switching import SESSION_KEY
from billing.auto_top_up.models import AutoTopUp
from billing.customers.methods import default_of, is_consented
from billing.customers.models import Customer, SavedMethod
from billing.customers.permissions import managed_accounts
from billing.money import Money
from billing.subscriptions.models import Subscription, SubscriptionInvoice
from core.uuids import as_uuid

State, Reason = AutoTopUp.State, AutoTopUp.Reason
# Why nothing is topped up, what to press, and in which part of the billing page.
STOPPED: dict[str, tuple[Any, Any, str]] = {
    Reason.AUTHENTICATION: (
        gettext_lazy(
            "Your bank wants you to confirm an automatic top-up with %(card)s. Nothing was charged."
        ),
        gettext_lazy("Confirm the payment"),
        "automatic",
    ),
    Reason.HARD_DECLINE: (
        gettext_lazy("Automatic top-up has stopped: your bank doesn’t accept %(card)s any more."),
        gettext_lazy("Use another card"),
        "cards",
    ),
    Reason.DECLINES: (
        gettext_lazy("Automatic top-up has stopped: %(card)s was declined three times in a row."),
        gettext_lazy("Use another card"),
        "cards",
    ),
    Reason.REFUSED: (
        gettext_lazy("Automatic top-up has stopped: %(card)s couldn’t be charged three times in a row."),
        gettext_lazy("Use another card"),
        "cards",
    ),
    Reason.PRICE_CHANGED: (
        gettext_lazy(
            "Automatic top-up has stopped: what it buys costs more, or brings less, than you agreed to."
        ),
        gettext_lazy("Agree to the new price"),
        "automatic",
    ),
    Reason.NOT_SOLD: (
        gettext_lazy("Automatic top-up has stopped: what it buys is no longer on sale."),
        gettext_lazy("Choose something else"),
        "automatic",
    ),
    Reason.TAXED: (
        gettext_lazy("Automatic top-up has stopped: tax is calculated at the checkout only."),
        gettext_lazy("Show details"),
        "automatic",
    ),
}
# Of a card that has expired, and of one that soon will.
CHARGED_BY_TOP_UP = (
    gettext_lazy("%(card)s has expired, and automatic top-up charges it."),
    gettext_lazy("%(card)s expires at the end of %(month)s, and automatic top-up charges it."),
)
CHARGED_BY_PLAN = (
    gettext_lazy("%(card)s has expired, and your plan charges it."),
    gettext_lazy("%(card)s expires at the end of %(month)s, and your plan charges it."),
)
CARD_FACTS = ("method", "brand", "last4", "wallet", "exp_month", "exp_year")


@dataclass(frozen=True)
class Banner:
    """What happened, and the one thing to press. A grave one costs credits now."""

    text: str
    action: str
    url: str
    is_grave: bool = True


@dataclass(frozen=True)
class Cards:
    """An account's saved cards: all of them, newest first, and the one that automatic top-up charges."""

    saved: list[SavedMethod]
    charged: SavedMethod | None

    @classmethod
    def of(cls, found: list[dict[str, Any]]) -> Cards:
        """Read them from JSON: the facts of each, its customer's default, and whether there is a consent."""
        saved = [
            SavedMethod(
                id=UUID(each["id"]),
                stripe_payment_method_id=each["stripe_id"],
                customer=Customer(default_method=each["default"]),
                **{name: each[name] for name in CARD_FACTS},
            )
            for each in found
        ]
        consented = {card.pk for card, each in zip(saved, found, strict=True) if each["consented"]}
        first = next((card for card in saved if card.pk in consented), None)
        return cls(saved, default_of(saved, consented) or first)


@dataclass(frozen=True)
class Facts:
    """What an account's banners depend on. ``top_up`` is one that isn't off, ``unpaid`` the plan's open invoice."""

    top_up: AutoTopUp | None
    has_plan: bool
    unpaid: dict[str, Any] | None
    cards: Cards


def context(request: HttpRequest) -> dict[str, object]:
    """Return ``billing_banners``, read only when a page shows them: the admin and emails don't."""
    return {"billing_banners": SimpleLazyObject(lambda: _shown(request))}


def _shown(request: HttpRequest) -> list[Banner]:
    """Return the banners of the account that the user acts for, in one query."""
    if not isinstance(request.user, User):
        return []
    facts = read_facts(request.user, as_uuid(request.session.get(SESSION_KEY, "")))
    return list(banners_of(facts)) if facts else []


def read_facts(user: User, team_id: UUID | None) -> Facts | None:
    """Query the facts of the user's account, or the team's; None without one whose billing the user manages."""
    alive = Subscription.objects.filter(account=OuterRef("pk")).exclude(status__in=Subscription.ENDED)
    unpaid = SubscriptionInvoice.objects.filter(
        subscription__account=OuterRef("pk"),
        subscription__status__in=Subscription.OWING,
        status="open",
        attempted=True,
    ).exclude(hosted_url="")
    invoice = JSONObject(amount="amount_minor", currency="currency", url="hosted_url")
    cards = SavedMethod.objects.filter(customer__account=OuterRef("pk"), detached_at=None)
    card = JSONObject(
        **{name: name for name in CARD_FACTS},
        id="id",
        stripe_id="stripe_payment_method_id",
        default="customer__default_method",
        consented=is_consented(),
    )
    found = (
        managed_accounts(user, team_id)
        .select_related("auto_top_up__declined_method")
        .annotate(
            goes_on=Exists(alive.filter(stripe_subscription_id__isnull=False, cancel_at_period_end=False)),
            unpaid=ArraySubquery(unpaid.order_by("-issued_at").values_list(invoice)[:1]),
            cards=ArraySubquery(cards.values_list(card)),
        )
        .first()
    )
    if found is None:
        return None
    top_up = getattr(found, "auto_top_up", None)
    return Facts(
        top_up if top_up and top_up.state != State.OFF else None,
        found.goes_on,
        found.unpaid[0] if found.unpaid else None,
        Cards.of(found.cards),
    )


def banners_of(facts: Facts) -> Iterator[Banner]:
    """Yield what an account's owner should know, the gravest first, and two at most."""
    top_up, cards = facts.top_up, facts.cards
    if facts.unpaid:
        yield _past_due(facts.unpaid)
    stopped = _stopped(top_up, cards.charged) if top_up else None
    if stopped:
        yield stopped
    elif top_up and cards.charged and _ends(cards.charged):
        yield _ending(cards.charged, CHARGED_BY_TOP_UP)
    elif facts.has_plan and cards.saved and all(map(_ends, cards.saved)):
        # Which of them Stripe charges for the plan isn't known here.
        yield _ending(cards.saved[0], CHARGED_BY_PLAN)


def _past_due(invoice: dict[str, Any]) -> Banner:
    amount = Money(invoice["amount"], invoice["currency"])
    return Banner(
        _("Your plan’s last payment failed. You keep your credits; new ones are added once it is paid."),
        _("Pay %(amount)s") % {"amount": amount},
        invoice["url"],
    )


def _stopped(top_up: AutoTopUp, card: SavedMethod | None) -> Banner | None:
    """Return why nothing is topped up. With another card than the declined one it goes on by itself, in seconds."""
    declined = top_up.declined_method
    if declined and card and card.pk != declined.pk:
        return None
    named = {"card": declined.named if declined else ""}
    if stopped := STOPPED.get(top_up.reason):
        why, action, section = stopped
        return Banner(str(why) % named, str(action), _section(section))
    if not top_up.declines or not top_up.retry_at:
        return None
    told = _("Your bank declined an automatic top-up with %(card)s. We’ll try again on %(at)s.")
    at = date_format(timezone.localtime(top_up.retry_at), "MINUTE_FORMAT")
    return Banner(told % {**named, "at": at}, _("Use another card"), _section("cards"), is_grave=False)


def _ends(card: SavedMethod) -> bool:
    return card.has_expired or card.expires_soon()


def _ending(card: SavedMethod, told: tuple[Promise, Promise]) -> Banner:
    facts = {"card": card.named, "month": f"{card.exp_month:02d}/{card.exp_year}"}
    expired, expires = told
    text = str(expired if card.has_expired else expires) % facts
    return Banner(text, _("Use another card"), _section("cards"), is_grave=card.has_expired)


def _section(name: str) -> str:
    """Return the address of a part of the billing page."""
    return f"{reverse('credits-billing')}#{name}"
