"""A page is in the language that its reader chose, else their browser's; an email in its recipient's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone, translation

from accounts.errors import UnknownLanguage
from accounts.languages import choose_language, keep_from_sign_in, language_of
from accounts.models import User
from accounts.teams.invitation_mail import send_invitation_mail
from accounts.teams.invitations import invite
from accounts.teams.membership import create_team
from accounts.teams.models import Role
from billing.receipts.issuing import issue_receipt
from credits.ledger import operations as ledger
from credits.ledger.models import Entry, Lot
from credits.mailing import send_mail, send_mail_to
from tests.billing.calling import browser_of
from tests.credits_pages.builders import book
from tests.receipts.papers import paid
from tests.redemption.builders import new_code, redeem_code
from tests.support.builders import UserFactory, put_on_sale
from tests.support.pseudo_language import PSEUDO, offer_pseudo_language

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse"
CHOOSE, SIGN_IN, STATEMENT = "/accounts/language", "/accounts/login/", "/credits/statement/"
GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


def with_password() -> User:
    user: User = UserFactory.create(username="ada")
    user.set_password(PASSWORD)
    user.save()
    return user


def language_on(client: Client, page: str = STATEMENT, headers: dict[str, str] | None = None) -> str:
    """The language that a page says it is in, to readers and to programs."""
    answer = client.get(page, headers=headers)
    code = str(answer.headers["Content-Language"])
    direction = "rtl" if code == "ar" else "ltr"
    assert f'<html lang="{code}" dir="{direction}">' in answer.content.decode()
    assert "Accept-Language" in answer.headers["Vary"]
    return code


def html_of(message: object) -> str:
    assert isinstance(message, EmailMultiAlternatives)
    return str(message.alternatives[0][0])


def test_a_page_follows_the_choice_else_the_browser_else_the_site(settings: Any) -> None:
    user: User = UserFactory.create()
    client = browser_of(user)
    assert language_on(client) == "en"
    assert language_on(client, headers=GERMAN) == "de"
    assert language_on(client, headers={"Accept-Language": "ja,xx;q=0.5"}) == "en"
    answer = client.post(CHOOSE, {"language": "ar"}, headers={"Referer": f"http://testserver{STATEMENT}"})
    assert answer.headers["Location"].endswith(STATEMENT)
    assert language_on(client, headers=GERMAN) == "ar"
    assert language_on(browser_of(user), headers=GERMAN) == "ar", "also in another browser"
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    assert language_on(browser_of(user), headers=GERMAN) == "de", "Arabic is offered no more"
    settings.LANGUAGE_CODE = "de"
    assert language_on(browser_of(user)) == "de"


def test_a_visitors_choice_is_kept_and_becomes_the_users_at_sign_in() -> None:
    user = with_password()
    client = browser_of()
    client.post(CHOOSE, {"language": "fr"})
    assert language_on(client, SIGN_IN, headers=GERMAN) == "fr"
    client.post(SIGN_IN, {"username": "ada", "password": PASSWORD})
    user.refresh_from_db()
    assert (user.language, user.browser_language) == ("fr", "")


def test_without_a_choice_emails_follow_the_browser_of_the_last_sign_in() -> None:
    user = with_password()
    for header, code in (("de", "de"), ("es-MX", "es")):
        browser_of().post(
            SIGN_IN, {"username": "ada", "password": PASSWORD}, headers={"Accept-Language": header}
        )
        user.refresh_from_db()
        assert (user.language, user.browser_language, language_of(user)) == ("", code, code)
    choose_language(user, "ar")
    assert language_of(user) == "ar"
    assert language_of(None) == language_of(User(language="ja")) == "en"


def test_an_erased_user_gets_no_language_by_a_sign_in_under_way(rf: Any) -> None:
    user: User = UserFactory.create()
    User.objects.filter(pk=user.pk).update(
        erased_at=timezone.now(), username="erased-1", email="", first_name="", last_name="", is_active=False
    )
    with translation.override("de"):
        keep_from_sign_in(User, rf.get("/"), user)
    user.refresh_from_db()
    assert user.browser_language == ""


@pytest.mark.parametrize("code", ["", "ja", "../../etc/passwd", "en-xa", "x" * 300])
def test_what_is_no_language_is_refused_with_a_word(code: str) -> None:
    user: User = UserFactory.create(language="de")
    with pytest.raises(UnknownLanguage):
        choose_language(user, code)
    for client in (browser_of(user), browser_of()):
        answer = client.post(
            CHOOSE, {"language": code}, headers={"Referer": "https://elsewhere.example.com/"}
        )
        assert answer.headers["Location"] == "/credits/"
        assert "credits_language" not in client.cookies
        assert client.get(CHOOSE).status_code == 405
    user.refresh_from_db()
    assert user.language == "de"


def test_the_language_ends_with_the_request_also_for_a_service_that_comes_next() -> None:
    user: User = UserFactory.create(language="de")
    client = browser_of(user)
    assert language_on(client) == "de"
    assert translation.get_language() == "en"
    assert client.post("/api/v1/credits/spends", {}).status_code == 401
    assert client.get("/nowhere", headers=GERMAN).headers["Content-Language"] == "de"
    assert translation.get_language() == "en"


def test_the_api_answers_in_the_language_asked_for_with_the_same_codes_and_numbers() -> None:
    put_on_sale()
    client = browser_of(UserFactory.create(language="ar"))
    plain, german = (
        client.get("/api/v1/billing/credits/packages", headers=headers) for headers in ({}, GERMAN)
    )
    assert plain.json() == german.json()
    assert (plain.headers["Content-Language"], german.headers["Content-Language"]) == ("en", "de")
    wrong = client.post(
        "/api/v1/billing/credits/purchase", {"package_code": "none"}, "application/json", headers=GERMAN
    )
    assert (wrong.status_code, wrong.json()["code"]) == (404, "unknown_package")


def test_each_reader_gets_an_email_in_their_language_with_its_dates_and_numbers() -> None:
    ada, ben = (UserFactory.create(language=code) for code in ("de", "en"))
    soon = timezone.now().replace(month=3, day=1, hour=12) + timedelta(days=3660)
    lot = book(ledger.open_account(ada), 1234, expires_at=soon).lots[0]
    for reader in (ada, ben):
        send_mail(
            "expiry_warning", {"lots": list(Lot.objects.filter(pk=lot)), "total": 1234, "team": None}, reader
        )
    german, english = mail.outbox
    assert (german.to, english.to) == ([ada.email], [ben.email])
    assert "1.234" in german.body
    assert "1,234" in english.body
    assert f". März {soon.year}, " in german.body
    assert '<html lang="de" dir="ltr">' in html_of(german)
    send_mail_to("expiry_warning", {"lots": [], "total": 1234, "team": None}, ada.email)
    assert "1.234" in html_of(mail.outbox[-1])


def test_an_invitation_is_in_the_language_of_whoever_has_the_address() -> None:
    owner, invited = UserFactory.create(language="de"), UserFactory.create(language="ar")
    invitation = invite(owner, create_team(owner, "Crew").pk, invited.email, Role.MEMBER)
    assert send_invitation_mail(invitation.pk)
    assert '<html lang="ar" dir="rtl">' in html_of(mail.outbox[-1])


def test_a_receipt_is_in_its_buyers_language_for_good() -> None:
    buyer: User = UserFactory.create(language="fr")
    purchase = paid(buyer)
    with translation.override("de"):
        assert issue_receipt(purchase.pk).language == "fr"
    choose_language(buyer, "es")
    assert issue_receipt(purchase.pk).language == "fr"


def test_what_the_ledger_keeps_is_in_the_sites_language(settings: Any) -> None:
    offer_pseudo_language(settings)
    user: User = UserFactory.create()
    with translation.override(PSEUDO):
        redeem_code(user, new_code())
    kept = Entry.objects.get(account__owner=user).metadata
    assert kept["description"].startswith("Redemption code ending in ")
