"""Describe who a customer is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Max
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.teams.models import Membership, Role, Team
from backoffice.display import EMPTY, chip, link_to, link_to_list
from billing.admin.customer_links import link_to_customer
from billing.admin.customers.customer import Customer
from billing.customers.models import Customer as AtStripe
from billing.purchases.models import Purchase
from credits.admin.columns import written

Facts = list[tuple[str, Any]]
# Teams of a user, and customers at Stripe.
MOST = 5


def facts_of(customer: Customer, stripe_customers: list[str]) -> Facts:
    """Return what identifies the customer, each fact with its name."""
    if customer.user is not None:
        facts = list(_of_user(customer.user))
    else:
        facts = list(_of_team(customer.team)) if customer.team else [(_("Holder"), _("deleted"))]
    if customer.account is not None:
        facts.append((_("Account"), link_to(customer.account, customer.account.pk)))
    if stripe_customers:
        facts.append((_("Stripe customer"), ", ".join(stripe_customers)))
    return facts


def stripe_customers_of(customer: Customer) -> list[str]:
    """Return the id of the account's customer at Stripe, then those that earlier purchases name, the latest first."""
    own = customer.rows(AtStripe).filter(stripe_customer_id__isnull=False)
    named = customer.rows(Purchase).exclude(stripe_customer_id="").order_by()
    found = named.values_list("stripe_customer_id").annotate(latest=Max("created_at"))
    ids = [
        *own.values_list("stripe_customer_id", flat=True),
        *(one for one, _at in found.order_by("-latest")[:MOST]),
    ]
    return [stripe_id for stripe_id in dict.fromkeys(ids) if stripe_id]


def _of_user(user: User) -> Iterator[tuple[str, Any]]:
    yield _("Username"), link_to(user, user.get_username())
    if user.erased_at is not None:
        yield _("Erased"), written(user.erased_at)
        return
    yield _("Name"), user.get_full_name() or EMPTY
    yield _("Email"), user.email or EMPTY
    if user.oidc_sub:
        yield _("OpenID subject"), user.oidc_sub
    if not user.is_active:
        yield _("Sign-in"), chip(_("Suspended"), "danger")
    yield _("Last sign-in"), written(user.last_login)
    memberships = Membership.objects.filter(user=user).select_related("team").order_by("joined_at", "id")
    if teams := [membership.team for membership in memberships[: MOST + 1]]:
        yield _("Teams"), _teams(user, teams)


def _teams(user: User, teams: list[Team]) -> str:
    links = format_html_join(", ", "{}", ((link_to_customer(team.pk, team.name),) for team in teams[:MOST]))
    more = link_to_list(Team, _("all"), memberships__user__id__exact=user.pk) if len(teams) > MOST else ""
    return SafeString(", ".join(filter(None, [links, more])))


def _of_team(team: Team) -> Iterator[tuple[str, Any]]:
    members = Membership.objects.filter(team=team)
    owner = members.filter(role=Role.OWNER).select_related("user").first()
    yield _("Team"), link_to(team)
    yield _("Owner"), link_to_customer(owner.user_id, owner.user) if owner else EMPTY
    yield _("Members"), members.count()
    yield _("Created"), written(team.created_at)
