"""A customer's page shows every part, each and each action to whoever may see it, and costs as much for any history."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models import Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.audit.models import AuditEntry
from accounts.models import User
from accounts.notes.models import LONGEST_NOTE, Note
from accounts.notes.writing import write_note
from accounts.teams.membership import create_team
from billing.admin.customers.customer import customer_with
from billing.admin.customers.parts.part import Part, render_parts
from billing.admin.roles import bring_groups_up_to_date
from billing.privacy.erasure import erase_user
from billing.purchases.models import Payment, Purchase
from billing.receipts.models import Receipt
from billing.refunds.models import Dispute, Refund
from credits.ledger import operations as ledger
from tests.admin.customers.rows import buy, live_through_everything, make_customer, url_of
from tests.admin.pages import button_of, count_queries, links_on, list_of, messages_after, page_of, read
from tests.config.routes import NOBODY
from tests.support.builders import UserFactory
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_customer()


@pytest.fixture
def purchase(ada: User, superuser: User) -> Purchase:
    return live_through_everything(ada, superuser)


def in_group(name: str) -> Client:
    bring_groups_up_to_date()
    user: User = UserFactory.create(is_staff=True)
    user.groups.add(Group.objects.get(name=name))
    return sign_in(user)


def test_every_part_is_there(purchase: Purchase, as_clerk: Client) -> None:
    page = read(as_clerk, url_of(purchase.user_id))

    for shown in ("Ada Lovelace", "1,200", "$10.00", "Called about", "Visa •••• 4242", "Won", "Last sign-in"):
        assert shown in page, shown
    payment = purchase.accepted_payment
    assert payment is not None
    assert payment.lot is not None
    refund, dispute = Refund.objects.get(), Dispute.objects.get()
    rows: list[Model] = [
        purchase,
        payment,
        refund,
        dispute,
        Receipt.objects.get(),
        purchase.account,
        payment.lot,
    ]
    links = links_on(as_clerk, url_of(purchase.user_id))
    assert {page_of(row) for row in rows} <= links
    assert f"https://dashboard.stripe.com/test/payments/{payment.stripe_payment_intent_id}" in links
    for url in links:
        if url.startswith("/"):
            assert as_clerk.get(url).status_code == 200, url


def test_links_to_all_lead_to_the_customers_rows_only(
    purchase: Purchase, superuser: User, as_clerk: Client
) -> None:
    live_through_everything(UserFactory.create(), superuser)
    links = links_on(as_clerk, url_of(purchase.user_id))

    for model in (Purchase, Payment, Refund, Dispute):
        [url] = [link for link in links if link.startswith(f"{list_of(model)}?")]
        assert as_clerk.get(url).context["cl"].result_count == 1, url


def test_a_team_has_a_page_and_its_members_lead_there(ada: User, as_clerk: Client) -> None:
    team = create_team(ada, "Analytical Engines")
    account = ledger.open_team_account(team)

    assert url_of(team) in links_on(as_clerk, url_of(ada))
    assert {url_of(ada), page_of(account), page_of(team)} <= links_on(as_clerk, url_of(team))
    assert read(as_clerk, url_of(account)).count("Analytical Engines") >= 2


def test_every_page_that_shows_a_buyer_leads_to_the_customer(purchase: Purchase, as_clerk: Client) -> None:
    team = create_team(UserFactory.create(), "Crew")
    assert purchase.user is not None
    rows: list[Model] = [purchase, purchase.payments.get(), Refund.objects.get(), Dispute.objects.get()]
    for row in (*rows, Receipt.objects.get(), purchase.account):
        assert url_of(purchase.account_id) in links_on(as_clerk, page_of(row)), row
    assert url_of(purchase.user) in links_on(as_clerk, page_of(purchase.user))
    assert url_of(team) in links_on(as_clerk, page_of(team))


@pytest.mark.parametrize("page", ["customer", "customer-timeline"])
def test_a_customer_without_anything_and_one_whose_holder_is_gone_have_a_page(
    page: str, ada: User, as_superuser: Client
) -> None:
    assert "ada" in read(as_superuser, url_of(ada, page))
    purchase = buy(ada)
    ada.delete()
    assert purchase.package_name in read(as_superuser, url_of(purchase.account_id, page))


def test_an_erased_customer_keeps_the_books_and_loses_the_notes(
    ada: User, clerk: User, as_superuser: Client
) -> None:
    purchase = buy(ada)
    write_note(ada, clerk, "Met her in Turin.", uuid4())
    assert "Turin" in read(as_superuser, url_of(ada))
    erase_user(ada.pk, forfeit=True)

    page = read(as_superuser, url_of(ada))
    assert purchase.package_name in page
    assert not {word for word in ("Turin", "Lovelace", 'name="text"') if word in page}


def test_nobody_and_nonsense_have_no_page(as_clerk: Client) -> None:
    for url in (
        url_of(NOBODY),
        url_of(NOBODY, "customer-timeline"),
        "/admin/customers/_00/",
        "/admin/customers/x/",
    ):
        assert as_clerk.get(url).status_code == 404, url
    assert as_clerk.post(url_of(NOBODY, "customer-notes")).status_code == 404


def test_buyers_and_strangers_see_none_of_it(ada: User) -> None:
    for client in (Client(), sign_in(ada)):
        for url in (
            "/admin/customers/",
            url_of(ada),
            url_of(ada, "customer-timeline"),
            url_of(ada, "customer-notes"),
        ):
            for answer in (client.get(url), client.post(url)):
                assert answer.headers["Location"].startswith("/admin/login/"), url


# --- Actions ----------------------------------------------------------------------------------------------------------


def buttons_on(client: Client, purchase: Purchase) -> set[str]:
    user = purchase.user
    assert user is not None
    page = read(client, url_of(user))
    buttons = {
        "refund": button_of(purchase, "refund"),
        "adjust": button_of(purchase.account, "adjust"),
        "export": button_of(user, "export"),
        "erase": button_of(user, "erase"),
        "suspend": button_of(user, "suspend"),
        "note": url_of(user, "customer-notes"),
        "stripe": f"https://dashboard.stripe.com/test/customers/{purchase.stripe_customer_id}",
    }
    return {name for name, url in buttons.items() if f'"{url}"' in page}


def test_each_action_is_offered_with_its_own_permission(purchase: Purchase, as_clerk: Client) -> None:
    assert buttons_on(as_clerk, purchase) == {"stripe"}
    assert buttons_on(in_group("support"), purchase) == {"stripe", "refund", "note", "suspend"}
    every = {"stripe", "refund", "note", "suspend", "adjust", "export", "erase"}
    assert buttons_on(in_group("finance"), purchase) == every


def test_nobody_acts_on_themselves(superuser: User, as_superuser: Client) -> None:
    assert buttons_on(as_superuser, buy(superuser, stripe_customer_id="cus_1")) == {
        "stripe",
        "export",
        "note",
    }


def test_a_dialog_leads_back_to_the_page_it_was_opened_from(purchase: Purchase, as_superuser: Client) -> None:
    user = purchase.user
    assert user is not None
    here = f"http://testserver{url_of(user)}"
    terms = {"what": "give", "amount": "5", "reason": "Sorry"}
    asked = {"_form_submitted": "True", "key": uuid4().hex, **terms}
    for opened_from, back in (
        (f"{here}?q=1#here", f"{url_of(user)}?q=1"),
        (f"http://evil.example{url_of(user)}", page_of(purchase.account)),
        ("http://testserver/credits/", page_of(purchase.account)),
        ("http://[", page_of(purchase.account)),
        ("", page_of(purchase.account)),
    ):
        headers = {"HX-Request": "true", "HX-Current-URL": opened_from}
        answer = as_superuser.post(button_of(purchase.account, "adjust"), asked, headers=headers)
        assert answer.headers.get("HX-Redirect") == back, opened_from


# --- Notes ------------------------------------------------------------------------------------------------------------


def test_a_note_is_added_once_with_its_permission(ada: User, as_clerk: Client) -> None:
    url, note = url_of(ada, "customer-notes"), {"text": "Prefers <b>email</b>", "key": str(uuid4())}
    assert as_clerk.post(url, note).status_code == 403
    as_support = in_group("support")
    assert as_support.get(url).status_code == 405

    for _ in range(2):
        assert as_support.post(url, note).headers["Location"] == url_of(ada)
    assert Note.objects.get().text == "Prefers <b>email</b>"
    assert "Prefers &lt;b&gt;email&lt;/b&gt;" in as_clerk.get(url_of(ada)).content.decode()


@pytest.mark.parametrize(
    "note", [{}, {"text": " "}, {"text": "x" * (LONGEST_NOTE + 1)}, {"text": "x", "key": "no"}], ids=str
)
def test_a_refused_note_says_why(note: dict[str, str], ada: User, as_superuser: Client) -> None:
    answer = as_superuser.post(url_of(ada, "customer-notes"), {"key": str(uuid4()), **note})

    assert answer.headers["Location"] == url_of(ada)
    assert messages_after(answer)[0]
    assert not Note.objects.exists()


def test_a_part_needs_its_own_permission(ada: User, clerk: User) -> None:
    part = Part(AuditEntry, lambda request, customer: {"figures": []}, "admin/customers/balance.html")
    customer = customer_with(ada.pk)
    assert customer is not None
    request = RequestFactory().get("/")
    request.user = clerk
    assert render_parts(request, customer, [part]) == []
    clerk.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    request.user = User.objects.get(pk=clerk.pk)
    assert len(render_parts(request, customer, [part])) == 1


# --- Speed ------------------------------------------------------------------------------------------------------------


def test_a_page_takes_as_many_statements_for_any_history(
    ada: User, superuser: User, as_superuser: Client
) -> None:
    live_through_everything(ada, superuser)
    pages = [url_of(ada), url_of(ada, "customer-timeline")]
    before = [count_queries(as_superuser, url) for url in pages]
    for _ in range(12):
        live_through_everything(ada, superuser)

    assert [count_queries(as_superuser, url) for url in pages] == before


def test_a_customer_without_an_account_asks_no_table_of_the_books(ada: User, as_superuser: Client) -> None:
    """A condition that the account is null would read all of it."""
    with CaptureQueriesContext(connection) as queries:
        read(as_superuser, url_of(ada))
    tables = (
        "purchases_",
        "refunds_",
        "credits_gift",
        "credits_adjustment",
        "credits_lot",
        "credits_balancealert",
    )
    assert [query["sql"] for query in queries if any(table in query["sql"] for table in tables)] == []
