"""Every error of the API is a problem (RFC 9457) with a stable code; 401 is nobody signed in, 403 is not allowed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tests.billing.calling import API, assert_problem, browser_of, post_json
from tests.support.builders import UserFactory

READS = ["packages", "session/cs_test_1", "history", "balance", "admin/purchases"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", READS)
def test_nobody_signed_in_is_a_401_with_a_challenge(path: str) -> None:
    answer = browser_of().get(API + path)

    assert_problem(answer, 401, "not_authenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="credits"'


@pytest.mark.django_db
def test_an_order_by_nobody_is_a_401() -> None:
    assert_problem(post_json(browser_of(), "purchase", {"package_code": "pro"}), 401, "not_authenticated")


@pytest.mark.django_db
@pytest.mark.parametrize("path", READS)
def test_a_token_that_is_none_is_a_401_even_beside_a_session(path: str) -> None:
    answer = browser_of(UserFactory()).get(API + path, headers={"Authorization": "Bearer junk"})

    problem = assert_problem(answer, 401, "invalid_token")
    assert "junk" not in str(problem)
    assert answer["WWW-Authenticate"] == 'Bearer realm="credits", error="invalid_token"'


@pytest.mark.django_db
def test_a_disabled_user_is_nobody() -> None:
    user = UserFactory()
    client = browser_of(user)
    type(user).objects.update(is_active=False)

    assert_problem(client.get(f"{API}balance"), 401, "not_authenticated")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["", "nothing", "package", "session/", "admin", "history/1"])
def test_an_address_that_is_none_is_a_404(path: str) -> None:
    assert_problem(browser_of(UserFactory()).get(API + path), 404, "not_found")
    assert_problem(browser_of().get(API + path), 404, "not_found")


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_an_order_by_another_method_is_a_405(method: str) -> None:
    answer = getattr(browser_of(UserFactory()), method)(f"{API}purchase")

    assert_problem(answer, 405, "method_not_allowed")


@pytest.mark.django_db
def test_an_answer_in_a_format_that_we_lack_is_a_406() -> None:
    answer = browser_of(UserFactory()).get(f"{API}balance", headers={"Accept": "text/csv"})

    assert_problem(answer, 406, "not_acceptable")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["packages", "history", "balance"])
def test_a_crash_is_a_500_that_tells_nothing_of_the_inside(path: str) -> None:
    client = browser_of(UserFactory())
    tables = {"packages": "packages_package", "history": "purchases_purchase", "balance": "credits_account"}
    run(f"ALTER TABLE {tables[path]} RENAME TO away")
    try:
        answer = client.get(API + path)
    finally:
        run(f"ALTER TABLE away RENAME TO {tables[path]}")

    assert_problem(answer, 500, "error")
    assert tables[path].encode() not in answer.content


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/billing/credits/purchase", "/api/credits/purchase"])
def test_a_session_cookie_without_its_csrf_token_is_a_403(path: str) -> None:
    client: Any = browser_of(UserFactory(), enforce_csrf_checks=True)
    answer = post_json(client, path, {"package_code": "pro"})

    assert answer.status_code == 403
    assert "CSRF" in answer.content.decode()
    if path.startswith(API):
        assert_problem(answer, 403, "permission_denied")
