"""A banner each time the balance falls below, and a mail about it: one a day at most."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from credits.errors import InvalidAmount
from credits.ledger import operations as ledger
from credits.ledger.models import Account
from credits.notices.low_balance import announce_low_balance, find_crossings, set_threshold
from credits.notices.models import BalanceAlert
from tests.billing.calling import browser_of
from tests.billing.worker import run_worker, send_to_recipients
from tests.credits_pages.builders import book, past
from tests.support.builders import UserFactory
from tests.support.racing import at_once
from tests.teams.builders import make_people

pytestmark = pytest.mark.django_db

BANNER = "credits available,</strong>"
# What a form says that is shown to somebody who acts for themselves.
OWN = {"shown_for": "personal"}
A_DAY = timedelta(hours=24)


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(username="ada")
    book(ledger.open_account(user), 100)
    set_threshold(user, None, Decimal(50))
    return user


def spend(user: User, amount: int) -> None:
    book(Account.objects.get(owner=user), -amount)


def top_up(user: User, amount: int) -> None:
    book(Account.objects.get(owner=user), amount)


def mails() -> int:
    """How many go out for the crossings that are found now."""
    before = len(mail.outbox)
    for job in asked_for():
        announce_low_balance(job.args["alert_id"])
        past("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", [job.pk])
    send_to_recipients()
    return len(mail.outbox) - before


def asked_for() -> list[ProcrastinateJob]:
    return list(ProcrastinateJob.objects.filter(task_name="credits.send_low_balance", status="todo"))


def let_pass(time: timedelta) -> None:
    """What was noted so far happened that much earlier."""
    past(
        "UPDATE credits_balancealert SET crossed_at = crossed_at - %s, mailed_at = mailed_at - %s", [time] * 2
    )


def test_a_balance_that_falls_below_is_mailed_once(ada: User) -> None:
    spend(ada, 50)
    assert (find_crossings(), mails()) == (0, 0)  # 50 is not below 50
    spend(ada, 1)
    assert (find_crossings(), mails()) == (1, 1)
    spend(ada, 1)
    assert (find_crossings(), mails()) == (0, 0)
    sent = mail.outbox[0]
    assert (sent.to, sent.subject) == ([ada.email], "You have 49 credits available")
    assert "below your alert level of 50" in sent.body


def test_it_is_armed_again_when_the_balance_rises(ada: User) -> None:
    for _ in range(2):
        spend(ada, 60)
        assert (find_crossings(), mails()) == (1, 1)
        top_up(ada, 60)
        assert (find_crossings(), mails()) == (0, 0)
        let_pass(A_DAY)


def test_a_balance_that_swings_is_mailed_once_within_a_day(ada: User) -> None:
    sent: list[int] = []
    for _ in range(5):
        spend(ada, 60)
        assert find_crossings() == 1
        assert len(asked_for()) == (0 if sent else 1)
        sent.append(mails())
        top_up(ada, 60)
        assert find_crossings() == 0
        let_pass(timedelta(hours=1))
    assert sent == [1, 0, 0, 0, 0]


def test_what_is_still_below_when_the_day_is_over_is_mailed_then(ada: User) -> None:
    swing(ada)
    spend(ada, 65)
    assert (find_crossings(), mails()) == (1, 0)
    let_pass(A_DAY - timedelta(minutes=1))
    assert (find_crossings(), mails()) == (0, 0)
    let_pass(timedelta(minutes=1))
    assert (find_crossings(), mails()) == (0, 1)
    assert mail.outbox[-1].subject == "You have 35 credits available"
    let_pass(2 * A_DAY)
    assert (find_crossings(), mails()) == (0, 0)  # this crossing was told of


def test_what_has_risen_when_the_day_is_over_is_no_news(ada: User) -> None:
    swing(ada)
    spend(ada, 65)
    find_crossings()
    top_up(ada, 65)
    find_crossings()
    let_pass(A_DAY)
    assert (find_crossings(), mails()) == (0, 0)


def test_what_stayed_below_since_its_mail_is_not_mailed_again(ada: User) -> None:
    spend(ada, 60)
    assert (find_crossings(), mails()) == (1, 1)
    let_pass(2 * A_DAY)
    assert (find_crossings(), mails()) == (0, 0)


def test_taking_the_threshold_away_and_setting_it_anew_mails_no_second_time(ada: User) -> None:
    spend(ada, 60)
    assert (find_crossings(), mails()) == (1, 1)
    set_threshold(ada, None, None)
    assert find_crossings() == 0
    set_threshold(ada, None, Decimal(70))
    assert (find_crossings(), mails()) == (1, 0)


def test_a_crossing_while_its_last_mail_goes_out_waits_for_the_day_to_end(ada: User) -> None:
    """The job is on its way when another has just sent a mail."""
    spend(ada, 60)
    find_crossings()
    just_now = timezone.now()
    BalanceAlert.objects.update(mailed_at=just_now - timedelta(seconds=1), crossed_at=just_now)
    assert mails() == 0
    let_pass(A_DAY)
    assert (find_crossings(), mails()) == (0, 1)


def test_only_what_has_a_threshold_is_below(ada: User) -> None:
    BalanceAlert.objects.update(below=True, crossed_at=timezone.now())
    with pytest.raises(IntegrityError, match="credits_alert_below_a_threshold"):
        BalanceAlert.objects.update(threshold=None)


def swing(user: User) -> None:
    """Falls below, is mailed, and rises again."""
    spend(user, 60)
    assert (find_crossings(), mails()) == (1, 1)
    top_up(user, 60)
    assert (find_crossings(), mails()) == (0, 0)


def test_held_credits_are_not_available(ada: User) -> None:
    hold = ledger.hold(Account.objects.get().pk, Decimal(60), key="h", expires_in=timedelta(hours=1))
    assert find_crossings() == 1
    hold.release()
    assert find_crossings() == 0
    assert mails() == 0  # risen again before the mail went out: nothing to say


def test_a_spend_asks_nothing_about_thresholds(ada: User, django_assert_num_queries: Any) -> None:
    account = Account.objects.get()
    with django_assert_num_queries(1):
        ledger.spend(account.pk, Decimal(60), key="s")
    assert not BalanceAlert.objects.get().below


def test_another_threshold_tells_nobody_twice(ada: User) -> None:
    spend(ada, 60)
    assert (find_crossings(), mails()) == (1, 1)
    set_threshold(ada, None, Decimal(70))
    assert (find_crossings(), mails()) == (0, 0)
    set_threshold(ada, None, Decimal(10))
    assert find_crossings() == 0
    let_pass(A_DAY)
    set_threshold(ada, None, Decimal(70))
    assert (find_crossings(), mails()) == (1, 1)


def test_without_a_threshold_nobody_is_told(ada: User) -> None:
    set_threshold(ada, None, None)
    spend(ada, 99)
    assert find_crossings() == 0
    assert BalanceAlert.objects.get().threshold is None


@pytest.mark.parametrize("threshold", ["0", "-1", "NaN", "1e30", "0.0000001"])
def test_a_threshold_is_an_amount(ada: User, threshold: str) -> None:
    with pytest.raises(InvalidAmount):
        set_threshold(ada, None, Decimal(threshold))
    assert BalanceAlert.objects.get().threshold == 50


@pytest.mark.django_db(transaction=True)
def test_four_runs_at_once_find_a_crossing_once(ada: User) -> None:
    others = [UserFactory.create() for _ in range(5)]
    for other in others:
        book(ledger.open_account(other), 1)
        set_threshold(other, None, Decimal(10))
    assert sorted(at_once(*[find_crossings] * 4)) == [0, 0, 0, 5]
    run_worker()
    assert len(mail.outbox) == 5


@pytest.mark.django_db(transaction=True)
def test_two_jobs_at_once_send_one_mail(ada: User) -> None:
    spend(ada, 60)
    find_crossings()
    alert = BalanceAlert.objects.get()
    sent = at_once(*[lambda: announce_low_balance(alert.pk)] * 4)
    run_worker()
    assert (sorted(sent), len(mail.outbox)) == ([False, False, False, True], 1)


def test_a_teams_owner_and_admins_are_told() -> None:
    people = make_people("Crew")
    book(ledger.open_team_account(people.team), 10)
    set_threshold(people.owner, people.team, Decimal(50))
    assert (find_crossings(), mails()) == (1, 2)
    assert [sent.to for sent in mail.outbox] == [[people.owner.email], [people.admin.email]]
    assert mail.outbox[0].subject == "Crew has 10 credits available"


# --- On the pages -----------------------------------------------------------------------------------------------------


def test_the_banner_is_there_from_a_crossing_until_the_balance_has_risen(ada: User) -> None:
    client = browser_of(ada)
    for page in ("/credits/", "/credits/statement/", "/teams/"):
        assert BANNER not in client.get(page).content.decode()
    spend(ada, 60)
    find_crossings()
    for page in ("/credits/", "/credits/statement/", "/teams/"):
        assert "<strong>40 credits available,</strong>" in client.get(page).content.decode()
    book(Account.objects.get(), 500)  # the job has not run yet
    assert BANNER not in client.get("/credits/").content.decode()


def test_each_member_sees_a_teams_banner_and_is_not_told_that_they_asked_for_it() -> None:
    people = make_people("Crew")
    book(ledger.open_team_account(people.team), 10)
    set_threshold(people.owner, people.team, Decimal(50))
    find_crossings()
    for user in (people.owner, people.member):
        client = browser_of(user)
        client.post("/teams/switch", {"team": str(people.team.pk)})
        shown = client.get("/credits/").content.decode()
        assert "<strong>10 credits available,</strong> below the alert level of 50." in shown


def test_a_hidden_banner_stays_away_until_the_next_crossing(ada: User) -> None:
    client = browser_of(ada)
    spend(ada, 60)
    find_crossings()
    crossing = client.get("/credits/").context["low_balance"].crossing
    form = {"crossing": crossing, "next": "/credits/history/", **OWN}
    assert client.post("/credits/low-balance/hide", form)["Location"] == "/credits/history/"
    assert BANNER not in client.get("/credits/").content.decode()
    book(Account.objects.get(), 60)
    find_crossings()
    spend(ada, 60)
    find_crossings()
    assert BANNER in client.get("/credits/").content.decode()


def test_hiding_leads_to_no_other_site(ada: User) -> None:
    form = {"crossing": "x", "next": "https://elsewhere.example.com/", **OWN}
    assert browser_of(ada).post("/credits/low-balance/hide", form)["Location"] == "/credits/statement/"


def test_the_threshold_is_set_and_taken_away_on_the_page(ada: User) -> None:
    client = browser_of(ada)
    assert (
        client.post("/credits/low-balance", {"threshold": "12.5", **OWN})["Location"] == "/credits/statement/"
    )
    assert 'value="12.5"' in client.get("/credits/statement/").content.decode()
    client.post("/credits/low-balance", {"threshold": "", **OWN})
    assert BalanceAlert.objects.get().threshold is None
    assert 'name="threshold" id="id_threshold" value=""' in client.get("/credits/statement/").content.decode()


@pytest.mark.parametrize("threshold", ["0", "-1", "NaN", "many", "1e30", "0.0000001"])
def test_what_is_no_threshold_is_said_beside_the_field(ada: User, threshold: str) -> None:
    answer = browser_of(ada).post("/credits/low-balance", {"threshold": threshold, **OWN})
    assert answer.status_code == 400
    assert 'id="id_threshold-error"' in answer.content.decode()
    assert BalanceAlert.objects.get().threshold == 50


def test_somebody_without_an_account_can_set_a_threshold_too() -> None:
    user = UserFactory.create()
    browser_of(user).post("/credits/low-balance", {"threshold": "5", **OWN})
    assert BalanceAlert.objects.get().account.owner == user


def test_a_member_sets_no_threshold_for_the_team() -> None:
    people = make_people()
    book(ledger.open_team_account(people.team), 10)
    client = browser_of(people.member)
    client.post("/teams/switch", {"team": people.team.pk})
    form = {"threshold": "5", "shown_for": str(people.team.pk)}
    client.post("/credits/low-balance", form)
    assert not BalanceAlert.objects.exists()
    assert "id_threshold" not in client.get("/credits/statement/").content.decode()
    admin = browser_of(people.admin)
    admin.post("/teams/switch", {"team": people.team.pk})
    admin.post("/credits/low-balance", form)
    assert BalanceAlert.objects.get().account.team == people.team
