"""What staff find of customers and cards, and what the mail and the receipt of a purchase by saved card say."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client

from accounts.models import User
from billing.customers.methods import shown_methods
from billing.customers.models import Consent, Customer, SavedMethod
from billing.purchases.models import Purchase
from billing.receipts.models import Receipt
from credits.ledger.operations import open_account
from tests.admin.pages import links_on, list_of, page_of, read, rows_of
from tests.billing.worker import run_worker
from tests.customers.cards import click, save_card
from tests.support.builders import UserFactory, make_saved_card, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(username="ada", email="ada@example.com")
    return user


def test_customers_cards_and_consents_are_found_by_stripes_ids_and_names(as_clerk: Client, ada: User) -> None:
    account = open_account(ada)
    card, others = make_saved_card(account), make_saved_card(open_account(UserFactory()))
    consent = Consent.objects.get(customer=card.customer)
    customer_id, method_id = str(card.customer.stripe_customer_id), card.stripe_payment_method_id
    for row, words in (
        (card.customer, [customer_id, str(account.pk), "ada", "ADA@example.com"]),
        (card, [method_id, customer_id, "ada", str(card.pk)]),
        (consent, [method_id, customer_id, "ada", str(consent.pk)]),
    ):
        for word in words:
            assert rows_of(as_clerk, list_of(type(row)), q=word) == [row], word
        for odd in ("cus_none", "%", "x" * 3000, "''"):
            assert rows_of(as_clerk, list_of(type(row)), q=odd) == [], odd
    assert others.customer in rows_of(as_clerk, list_of(Customer))
    linked = {"customer__id__exact": str(card.customer_id)}
    assert rows_of(as_clerk, list_of(SavedMethod), **linked) == [card]
    assert rows_of(as_clerk, list_of(Consent), **linked) == [consent]


def test_a_purchase_by_saved_card_names_its_card_and_consent_to_staff_and_the_payment_to_its_buyer(
    as_clerk: Client, sandbox: Sandbox, ada: User
) -> None:
    put_on_sale()
    purchase = click(ada, save_card(sandbox, ada)).purchase
    (shown,) = shown_methods(open_account(ada))
    consent = Consent.objects.get(pk=str(purchase.consent_id))

    assert {page_of(shown.row), page_of(consent)} <= links_on(as_clerk, page_of(purchase))
    assert "Visa •••• 4242" in read(as_clerk, page_of(purchase))
    charged = {"charged_method__id__exact": str(shown.row.pk)}
    assert rows_of(as_clerk, list_of(Purchase), **charged) == [purchase]

    sandbox.wait_for_webhooks()
    run_worker()
    (sent,) = (each for each in mail.outbox if "Standard Pack" in each.body)
    assert (str(purchase.stripe_payment_intent_id) in sent.body, "$45.00" in sent.body) == (True, True)
    assert Receipt.objects.get(purchase=purchase).paid_with == "Visa •••• 4242"
