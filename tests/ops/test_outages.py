"""The database is away, or somebody holds what is needed: 503 with the time to try again, and nothing half done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.db import connection
from django.db.utils import ConnectionHandler

from accounts.clients.api_keys import create_key
from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase
from core.database.time_limits import OF_WEB, time_limits_of, with_time_limits
from credits.ledger.models import Entry
from tests.billing.calling import (
    PROBLEM_JSON,
    assert_problem,
    browser_of,
    deliver,
    paid_session_event,
    the_event,
)
from tests.ops.database_outages import database_away, locked
from tests.ops.production import values_of
from tests.support.api_clients import make_client
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
BUYERS = "/api/v1/billing/credits/"
READS = [
    f"{BUYERS}{path}" for path in ("packages", "history", "balance", "session/cs_test_1", "admin/purchases")
]
OLDER = ["/api/credits/session/cs_test_1", "/api/credits/estimate?prompt=a"]
ACCOUNT = "/api/v1/credits/accounts/0a0e0a3c-1111-4222-8333-123456789abc/balance"
PAGES = ["/credits/", "/credits/history/", "/teams/", "/admin/", "/admin/purchases/purchase/"]


@pytest.fixture(autouse=True)
def _secrets(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]


# --- It is away ---------------------------------------------------------------------------------------------------


def test_while_the_database_is_away_every_api_and_page_says_503(live_server: Any) -> None:
    browser = browser_of(UserFactory(is_staff=True, is_superuser=True))
    person = requests.Session()
    person.cookies.update({name: morsel.value for name, morsel in browser.cookies.items()})
    service = {
        "Authorization": f"Bearer {create_key(make_client(), name='one').secret}",
        "Idempotency-Key": "a",
    }
    spend = {"account": "0a0e0a3c-1111-4222-8333-123456789abc", "amount": "1"}
    url = live_server.url
    with database_away():
        answers = [person.get(url + path, timeout=20) for path in [*READS, *OLDER]]
        orders = ("purchase", "admin/purchases/0a0e0a3c-1111-4222-8333-123456789abc/refunds")
        answers += [person.post(f"{url}{BUYERS}{path}", json={}, timeout=20) for path in orders]
        answers.append(person.post(f"{url}/api/credits/purchase", json={}, timeout=20))
        answers.append(requests.get(url + ACCOUNT, headers=service, timeout=20))
        answers.append(requests.post(f"{url}/api/v1/credits/spends", json=spend, headers=service, timeout=20))
        pages = [person.get(url + path, timeout=20) for path in PAGES]
        assert requests.get(f"{url}/health/live", timeout=20).status_code == 200

    for answer in [*answers, *pages]:
        assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "1"), answer.url
    shapes = [answer.headers["Content-Type"] for answer in answers]
    assert set(shapes) <= {PROBLEM_JSON, "application/json"}
    assert {a.json()["code"] for a in answers if a.headers["Content-Type"] == PROBLEM_JSON} == {"unavailable"}
    assert all("Please try again" in page.text and "problem-code" in page.text for page in pages)
    assert person.get(f"{url}{BUYERS}balance", timeout=20).status_code == 200


# --- Somebody holds it ---------------------------------------------------------------------------------------------


@pytest.fixture
def impatient() -> Iterator[None]:
    """The tests' own connection, on which Django's client runs, waits as a request does, only shorter."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
        yield
        cursor.execute("RESET lock_timeout")


@pytest.mark.usefixtures("impatient")
def test_a_locked_purchase_is_a_503_for_webhook_api_and_page_and_credited_once_afterwards(
    sandbox: Sandbox,
) -> None:
    put_on_sale()
    buyer = UserFactory()
    started = start(buyer)
    event = paid_session_event(sandbox, started.session_id)
    browser = browser_of(buyer)
    success = f"/credits/success?session_id={started.session_id}"
    with locked("purchases_purchase", Purchase.objects.get().pk):
        delivered, polled = deliver(event), browser.get(f"{BUYERS}session/{started.session_id}")
        page = browser.get(success)

    for answer in (delivered, polled):
        assert_problem(answer, 503, "busy")
    assert page.status_code == 503
    assert b"Please try again in a minute" in page.content
    assert {answer.headers["Retry-After"] for answer in (delivered, polled, page)} == {"2"}
    assert not Entry.objects.exists()
    assert the_event().status == InboxEvent.Status.FAILED
    assert (deliver(event).status_code, browser.get(success).status_code) == (200, 200)
    assert Entry.objects.get().amount == 1000


# --- How long each program waits ------------------------------------------------------------------------------------

OPTIONS = "settings.DATABASES['default']['OPTIONS'].get('options')"


def test_every_program_of_production_has_its_limits() -> None:
    (of_a_command,) = values_of(OPTIONS)
    assert "-c lock_timeout=20min" in str(of_a_command)
    url = "postgresql://c:p@database/credits"
    (own,) = values_of(OPTIONS, DATABASE_URL=f"{url}?options=-c%20lock_timeout%3D9s")
    assert str(own).endswith("-c lock_timeout=9s")  # PostgreSQL takes the last
    assert values_of(OPTIONS, "settings.DATABASE_TIME_LIMITS", PGBOUNCER="true") == ["", {}]


@pytest.mark.parametrize("program", ["web", "worker", "manage.py migrate"])
def test_the_limits_hold_on_each_connection(settings: Any, program: str) -> None:
    limits = settings.DATABASE_TIME_LIMITS = time_limits_of(program)
    given = connection.settings_dict
    handler = ConnectionHandler({"default": {**given, "OPTIONS": with_time_limits({}, limits)}})
    asked = handler["default"]
    with asked.cursor() as cursor:
        has_all = cursor.connection.info.server_version >= 170000
        for name, limit in limits.items():
            if has_all or name != "transaction_timeout":
                cursor.execute(f"SELECT current_setting('{name}')::interval = '{limit}'::interval")
                assert cursor.fetchone() == (True,), name
    asked.close()


def test_requests_wait_for_less_than_jobs() -> None:
    assert OF_WEB["lock_timeout"] == "3s"
