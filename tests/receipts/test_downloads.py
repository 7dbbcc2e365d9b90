"""Who gets which paper: buyers their own, on pages and over the API; staff all of them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.receipts.issuing import issue_credit_note, issue_receipt
from billing.receipts.models import Receipt
from billing.refunds.models import Refund
from tests.billing.calling import API, assert_problem, browser_of
from tests.receipts.papers import paid, pending, refunded, text_of
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other(db: None) -> User:
    user: User = UserFactory.create(username="eve")
    return user


def page_of(paper: Any) -> str:
    kind = "refunds/{}/credit-note" if isinstance(paper, Refund) else "purchases/{}/receipt"
    return f"/credits/{kind.format(paper.pk)}"


def api_of(paper: Any) -> str:
    return page_of(paper).replace("/credits/", API)


def assert_pdf(answer: Any, name: str) -> str:
    """The answer is a file of this name that nobody keeps; gives its text."""
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.pdf"'
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return text_of(answer.content)


# --- Pages ----------------------------------------------------------------------------------------------------------


def test_buyers_download_their_receipt_before_any_job_has_run(buyer: User) -> None:
    purchase = paid(buyer)
    answer = browser_of(buyer).get(page_of(purchase))
    assert "Ada Lovelace" in assert_pdf(answer, Receipt.objects.get().number)


def test_buyers_download_their_credit_notes(buyer: User) -> None:
    refund = refunded(paid(buyer))
    answer = browser_of(buyer).get(page_of(refund))
    assert "$15.00" in assert_pdf(answer, Receipt.objects.get(kind="credit_note").number)


def test_nobody_downloads_somebody_elses(buyer: User, other: User) -> None:
    purchase = paid(buyer)
    for paper in (purchase, refunded(purchase)):
        assert browser_of(other).get(page_of(paper)).status_code == 404
        assert browser_of().get(page_of(paper)).status_code == 302
        assert browser_of().get(page_of(paper)).headers["Location"].startswith("/accounts/login/")
    assert not Receipt.objects.exists()


def test_who_manages_a_team_sees_its_receipts_and_no_others(buyer: User, other: User) -> None:
    team = create_team(buyer, "Acme")
    member = Membership.objects.create(team=team, user=other, role=Role.MEMBER)
    purchase = paid(buyer, team)
    assert browser_of(other).get(page_of(purchase)).status_code == 404
    Membership.objects.filter(pk=member.pk).update(role=Role.ADMIN)
    assert browser_of(other).get(page_of(purchase)).status_code == 200
    assert browser_of(other).get(page_of(paid(buyer))).status_code == 404


def test_what_has_no_receipt_says_so_on_the_page_with_the_purchases(buyer: User) -> None:
    for paper in (pending(buyer), paid(buyer, price_minor=0, list_price_minor=0)):
        answer = browser_of(buyer).get(page_of(paper), follow=True)
        assert answer.redirect_chain == [("/credits/history/", 302)]
        assert "This purchase has no receipt." in answer.content.decode()


def test_only_reading_is_possible(buyer: User) -> None:
    assert browser_of(buyer).post(page_of(paid(buyer))).status_code == 405


def test_the_history_links_each_paper_that_there_is(buyer: User) -> None:
    purchase = paid(buyer)
    open_one, free = pending(buyer), paid(buyer, price_minor=0, list_price_minor=0)
    arrived = refunded(purchase)
    under_way = refunded(purchase, 700, status=Refund.Status.PENDING, settled_at=None)
    page = browser_of(buyer).get("/credits/history/").content.decode()
    assert page_of(purchase) in page
    assert page_of(arrived) in page
    for none in (open_one, free, under_way):
        assert page_of(none) not in page


def test_the_history_asks_the_database_as_often_for_many_purchases_as_for_one(buyer: User) -> None:
    browser = browser_of(buyer)
    refunded(paid(buyer))
    browser.get("/credits/history/")
    with CaptureQueriesContext(connection) as once:
        browser.get("/credits/history/")
    for _ in range(4):
        refunded(paid(buyer))
    with CaptureQueriesContext(connection) as again:
        browser.get("/credits/history/")
    assert len(again) == len(once)


def test_the_success_page_links_the_receipt(buyer: User) -> None:
    purchase = paid(buyer)
    page = browser_of(buyer).get("/credits/success", {"session_id": str(purchase.stripe_session_id)})
    assert page_of(purchase) in page.content.decode()


# --- API ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["*/*", "application/pdf", "application/json"])
def test_the_api_gives_the_same_files(buyer: User, accept: str) -> None:
    purchase = paid(buyer)
    refund = refunded(purchase)
    for paper in (purchase, refund):
        answer = browser_of(buyer).get(api_of(paper), headers={"Accept": accept})
        page = browser_of(buyer).get(page_of(paper))
        assert answer.content == page.content
        assert answer.headers["Content-Disposition"] == page.headers["Content-Disposition"]


@pytest.mark.parametrize("accept", ["*/*", "application/pdf", "application/json"])
def test_the_api_answers_with_a_problem_where_there_is_none(buyer: User, other: User, accept: str) -> None:
    refund = refunded(paid(buyer))
    ask = {"Accept": accept}
    for address in (api_of(refund), api_of(refund.purchase)):
        assert_problem(browser_of(other).get(address, headers=ask), 404, "no_receipt")
        assert_problem(browser_of().get(address, headers=ask), 401, "not_authenticated")
    for address in (
        api_of(pending(buyer)),
        f"{API}purchases/x/receipt",
        f"{API}refunds/{uuid.uuid4()}/credit-note",
    ):
        assert_problem(browser_of(buyer).get(address, headers=ask), 404, "no_receipt")


# --- Back office ----------------------------------------------------------------------------------------------------


def staff() -> Any:
    return browser_of(UserFactory.create(username="carl", is_staff=True))


def test_staff_download_from_the_purchase_and_from_the_books(buyer: User) -> None:
    purchase = paid(buyer)
    carl = staff()
    from_purchase = carl.get(f"/admin/purchases/purchase/{purchase.pk}/receipt/")
    receipt = Receipt.objects.get()
    assert_pdf(from_purchase, receipt.number)
    from_books = carl.get(f"/admin/receipts/receipt/{receipt.pk}/pdf/")
    assert from_books.content == from_purchase.content


def test_the_books_list_receipts_and_credit_notes_and_nobody_edits_them(buyer: User) -> None:
    note = issue_credit_note(refunded(paid(buyer)))
    carl = staff()
    page = carl.get("/admin/receipts/receipt/").content.decode()
    assert note.number in page
    assert "−$15.00" in page
    detail = f"/admin/receipts/receipt/{note.pk}/change/"
    assert "Example Software GmbH" in carl.get(detail).content.decode()
    assert carl.post(detail, {"number": "x"}).status_code == 403


def test_a_purchase_without_a_receipt_has_no_button_and_its_address_says_so(buyer: User) -> None:
    purchase = pending(buyer)
    carl = staff()
    address = f"/admin/purchases/purchase/{purchase.pk}/receipt/"
    assert address not in carl.get(f"/admin/purchases/purchase/{purchase.pk}/change/").content.decode()
    assert "This purchase has no receipt" in carl.get(address, follow=True).content.decode()


@pytest.mark.parametrize("who", ["buyer", "nobody"])
def test_only_staff_come_to_the_books(buyer: User, who: str) -> None:
    receipt = issue_receipt(paid(buyer).pk)
    browser = browser_of(buyer if who == "buyer" else None)
    for address in (
        f"/admin/receipts/receipt/{receipt.pk}/pdf/",
        f"/admin/purchases/purchase/{receipt.purchase_id}/receipt/",
    ):
        answer = browser.get(address)
        assert answer.status_code == 302
        assert "login" in answer.headers["Location"]
