"""Staff can look at what Stripe holds, and change nothing there."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from djstripe import models as djstripe

from billing.admin.djstripe_pages import PAGES
from billing.stripe import mirror as stripe_mirror
from tests.billing.mirroring import events, make_price, make_product, pay
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db

YEN = "¥2,000"


@pytest.fixture
def superuser(client: Client) -> Client:
    user = get_user_model().objects.create_superuser("root", "root@example.com", "password")
    client.force_login(user)
    return client


@pytest.fixture
def mirrored(sandbox: Sandbox) -> None:
    """One purchase in yen, paid."""
    sandbox.hold_webhooks()
    api = stripe.StripeClient(django_settings.STRIPE_SECRET_KEY, base_addresses={"api": sandbox.url})
    pay(api, sandbox, make_price(make_product(), minor=2000, currency="jpy"))
    for event in events(api):
        stripe_mirror.mirror_event(event)


def pages() -> list[type[Model]]:
    return sorted(PAGES, key=lambda model: model.__name__)


@pytest.mark.usefixtures("mirrored")
def test_every_page_opens_and_refuses_every_change(superuser: Client) -> None:
    for model in pages():
        name = f"admin:djstripe_{model._meta.model_name}"
        row = model._default_manager.first()
        assert row is not None, model
        one = reverse(f"{name}_change", args=[row.pk])
        changelist = reverse(f"{name}_changelist")

        assert superuser.get(changelist).status_code == 200
        assert superuser.get(changelist, {"q": row.id}).context["cl"].result_count == 1  # type: ignore[attr-defined]
        assert superuser.get(one).status_code == 200

        chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        refused = [
            superuser.get(reverse(f"{name}_add")),
            superuser.post(reverse(f"{name}_add"), {"id": "made_up"}),
            superuser.post(one, {"id": "changed"}),
            superuser.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}),
            superuser.post(changelist, chosen),
        ]
        assert [response.status_code for response in refused] == [403] * 5, model
        assert model._default_manager.get(pk=row.pk) == row


@pytest.mark.usefixtures("mirrored")
@pytest.mark.parametrize("model", [djstripe.Charge, djstripe.Price, djstripe.BalanceTransaction])
def test_yen_are_shown_as_yen(superuser: Client, model: type[Any]) -> None:
    name = f"admin:djstripe_{model._meta.model_name}"
    one = superuser.get(reverse(f"{name}_change", args=[model.objects.get().pk])).content.decode()
    everything = superuser.get(reverse(f"{name}_changelist")).content.decode()

    assert YEN in one
    assert YEN in everything
    assert "¥20" not in one.replace(YEN, "")
    assert "¥20" not in everything.replace(YEN, "")


@pytest.mark.usefixtures("mirrored")
def test_a_longer_list_takes_no_more_queries(superuser: Client, django_assert_max_num_queries: Any) -> None:
    paid = djstripe.Charge.objects.get()
    for number in range(30):
        djstripe.Charge.objects.create(
            id=f"ch_more{number}",
            stripe_data=paid.stripe_data,
            livemode=False,
            amount=1,
            customer=paid.customer,
            payment_intent=paid.payment_intent,
        )

    with django_assert_max_num_queries(8):
        superuser.get(reverse("admin:djstripe_charge_changelist"))


@pytest.mark.usefixtures("mirrored")
def test_what_pages_of_ours_show_has_none(superuser: Client) -> None:
    for name in ("session", "paymentintent", "refund", "dispute", "event"):
        assert superuser.get(f"/admin/djstripe/{name}/").status_code == 404, name
    sidebar = superuser.get(reverse("admin:index")).content.decode()
    for model in PAGES:
        assert reverse(f"admin:djstripe_{model._meta.model_name}_changelist") in sidebar, model
    assert sidebar.count("/admin/djstripe/") == len(PAGES)


def test_no_page_shows_secrets_and_none_of_dj_stripes_own_is_left() -> None:
    registered = {
        model for model in apps.get_app_config("djstripe").get_models() if admin.site.is_registered(model)
    }
    assert registered == set(PAGES)
    assert not registered & {djstripe.APIKey, djstripe.WebhookEndpoint, djstripe.WebhookEventTrigger}
