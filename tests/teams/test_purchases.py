"""What was bought for a team is the team's: every member sees it, and whatever tells of it names the team."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client

from accounts.models import User
from accounts.teams.models import Team
from billing.mail.confirmation import send_purchase_confirmation
from billing.mail.payment_failed import send_payment_failed_mail
from billing.mail.reversals import send_refund_mail
from billing.purchases.models import Purchase
from tests.billing.calling import API, assert_problem, browser_of
from tests.receipts.papers import paid, pending, refunded, text_of
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox
from tests.teams.builders import People, make_people

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = ["/credits/", "/credits/history/"]


@pytest.fixture
def people(sandbox: Sandbox) -> People:
    put_on_sale()
    return make_people()


def acting_for(user: User, team: Team | None) -> Client:
    client = browser_of(user)
    client.post("/teams/switch", {"team": str(team.pk) if team else ""})
    return client


def page(user: User, team: Team | None, address: str) -> str:
    return acting_for(user, team).get(address).content.decode()


@pytest.mark.parametrize("address", PAGES)
def test_every_member_sees_what_anybody_bought_for_the_team(people: People, address: str) -> None:
    User.objects.filter(pk=people.member.pk).update(first_name="Grace", last_name="Hopper")
    paid(people.member, people.team, package_name="For the team")
    paid(people.member, package_name="For herself")

    for user in (people.owner, people.admin, people.member):
        shown = page(user, people.team, address)
        assert "For the team" in shown
        assert "by Grace Hopper" in shown
        assert "For herself" not in shown
        assert "urchases for Crew" in shown
    assert "For the team" not in page(people.owner, None, address)
    assert "For the team" not in page(people.stranger, people.team, address)
    own = page(people.member, None, address)
    assert "For herself" in own
    assert "for Crew" in own


def test_the_api_lists_a_teams_purchases_for_its_members(people: People) -> None:
    theirs, own = paid(people.member, people.team), paid(people.owner)

    answer = browser_of(people.owner).get(f"{API}history?team={people.team.pk}")
    assert [(row["id"], row["team"]) for row in answer.json()] == [(str(theirs.pk), str(people.team.pk))]
    assert answer["X-Total-Count"] == "1"
    (row,) = browser_of(people.owner).get(f"{API}history").json()
    assert (row["id"], row["team"]) == (str(own.pk), None)
    assert browser_of(people.admin).get(f"{API}history?team={people.team.pk}&status=failed").json() == []
    for team in (people.team.pk, "00000000-0000-4000-8000-000000000000"):
        answer = browser_of(people.stranger).get(f"{API}history?team={team}")
        assert_problem(answer, 404, "unknown_team")
    assert_problem(browser_of(people.owner).get(f"{API}history?team=crew"), 400, "invalid_request")


def test_who_left_sees_what_they_bought_and_nothing_of_the_others(people: People) -> None:
    bought, others = paid(people.member, people.team), paid(people.admin, people.team)
    client = acting_for(people.member, people.team)
    people.team.memberships.filter(user=people.member).delete()

    shown = client.get("/credits/history/").content.decode()
    assert str(bought.stripe_payment_intent_id) in shown
    assert str(others.stripe_payment_intent_id) not in shown
    answer = browser_of(people.member).get(f"{API}history?team={people.team.pk}")
    assert_problem(answer, 404, "unknown_team")


def test_who_left_is_told_of_their_purchase_and_not_of_the_teams_balance(
    people: People, sandbox: Sandbox
) -> None:
    started = start(people.member, team_id=people.team.pk)
    sandbox.pay(started.session_id)
    success = f"/credits/success?session_id={started.session_id}"
    assert "New balance" in browser_of(people.member).get(success).content.decode()
    purchase = Purchase.objects.get(pk=started.purchase.pk)
    Purchase.objects.filter(pk=purchase.pk).update(confirmation_sent_at=None)
    mail.outbox.clear()
    people.team.memberships.filter(user=people.member).delete()

    shown = browser_of(people.member).get(success).content.decode()
    assert "1,000 credits added" in shown
    assert "balance" not in shown
    assert send_purchase_confirmation(purchase.pk)
    assert send_refund_mail(refunded(purchase).pk)
    assert len(mail.outbox) == 2
    for message in mail.outbox:
        assert isinstance(message, EmailMultiAlternatives)
        for text in (str(message.body), str(message.alternatives[0][0])):
            assert "Crew" in text
            assert "balance" not in text.lower()
    assert "which you’ve since left" in str(mail.outbox[1].body)


def test_receipts_are_for_who_bought_and_who_manages_the_team(people: People) -> None:
    purchase = paid(people.admin, people.team)
    refund = refunded(purchase)
    papers = [f"purchases/{purchase.pk}/receipt", f"refunds/{refund.pk}/credit-note"]
    for user, may in [(people.owner, 200), (people.admin, 200), (people.member, 404), (people.stranger, 404)]:
        for paper in papers:
            assert browser_of(user).get(f"/credits/{paper}").status_code == may
            assert browser_of(user).get(f"{API}{paper}").status_code == may
            if user != people.stranger:
                shown = page(user, people.team, "/credits/history/")
                assert (f"/credits/{paper}" in shown) == (may == 200)


def test_only_the_buyer_goes_on_with_a_checkout(people: People) -> None:
    purchase = start(people.member, team_id=people.team.pk).purchase
    for user, may in [(people.member, True), (people.owner, False)]:
        shown = page(user, people.team, "/credits/")
        assert (purchase.checkout_url in shown) == may
        assert (f"/credits/purchases/{purchase.pk}/dismiss" in shown) == may


@pytest.mark.parametrize("end", ["pay", "pay_later", "fail", "expire"])
def test_the_success_page_names_the_team(people: People, sandbox: Sandbox, end: str) -> None:
    bought = start(people.member, team_id=people.team.pk)
    if end == "fail":
        sandbox.pay_later(bought.session_id)
    getattr(sandbox, end)(bought.session_id)
    answer = browser_of(people.member).get("/credits/success", {"session_id": bought.session_id})
    assert "<dt>Team</dt><dd>Crew</dd>" in answer.content.decode()

    own = start(people.member)
    answer = browser_of(people.member).get("/credits/success", {"session_id": own.session_id})
    assert "<dt>Team</dt>" not in answer.content.decode()


def test_every_mail_and_paper_names_the_team(people: People) -> None:
    purchase = paid(people.member, people.team)
    failed = pending(people.member, people.team)
    Purchase.objects.filter(pk=failed.pk).update(status="failed")
    assert send_purchase_confirmation(purchase.pk)
    assert send_payment_failed_mail(failed.pk)
    assert send_refund_mail(refunded(purchase).pk)

    assert mail.outbox[0].subject == "Credits added for Crew: Standard"
    assert len(mail.outbox) == 3
    for message in mail.outbox:
        assert "Crew" in str(message.body)
        assert isinstance(message, EmailMultiAlternatives)
        assert "Crew" in str(message.alternatives[0][0])
    receipt = browser_of(people.owner).get(f"/credits/purchases/{purchase.pk}/receipt")
    assert "Crew" in text_of(receipt.content)


def test_stripes_invoice_names_the_team(people: People, sandbox: Sandbox, settings: Any) -> None:
    settings.STRIPE_INVOICES = True
    sandbox.pay(start(people.member, team_id=people.team.pk).session_id)
    (invoice,) = sandbox.objects("invoice")
    assert invoice["description"] == "1,000 credits for the team Crew"


def test_the_teams_page_leads_to_the_shop_and_back(people: People) -> None:
    address = f"/teams/{people.team.pk}/"
    assert f"/credits/?next={address.replace('/', '%2F')}" in page(people.owner, people.team, address)
    assert "Buy credits" not in page(people.owner, None, address)
    assert "Buy credits" not in page(UserFactory(), None, "/teams/")
