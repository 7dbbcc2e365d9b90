"""Paging through lists, and ids replaced by what they stand for."""

from __future__ import annotations

import pytest
import stripe

from tests.sandbox.calling import MakeSession
from tests.support.sandbox import Sandbox


@pytest.fixture
def customers(client: stripe.StripeClient) -> list[str]:
    """Five customers' ids, newest first as a list shows them."""
    made = [client.v1.customers.create({"email": f"c{number}@shop.test"}).id for number in range(5)]
    return made[::-1]


def test_a_list_is_newest_first_and_says_if_there_is_more(
    client: stripe.StripeClient, customers: list[str]
) -> None:
    page = client.v1.customers.list({"limit": 2})
    assert ([customer.id for customer in page.data], page.has_more) == (customers[:2], True)
    rest = client.v1.customers.list({"limit": 3, "starting_after": customers[1]})
    assert ([customer.id for customer in rest.data], rest.has_more) == (customers[2:], False)


def test_a_list_pages_backwards(client: stripe.StripeClient, customers: list[str]) -> None:
    page = client.v1.customers.list({"limit": 2, "ending_before": customers[4]})
    assert ([customer.id for customer in page.data], page.has_more) == (customers[2:4], True)
    first = client.v1.customers.list({"limit": 2, "ending_before": customers[2]})
    assert ([customer.id for customer in first.data], first.has_more) == (customers[:2], False)


def test_stripes_own_paging_finds_each_once(client: stripe.StripeClient, customers: list[str]) -> None:
    found = [customer.id for customer in client.v1.customers.list({"limit": 2}).auto_paging_iter()]
    assert found == customers


def test_created_bounds_a_list(sandbox: Sandbox, client: stripe.StripeClient, customers: list[str]) -> None:
    now = sandbox.post("/_sandbox/clock", {"advance_s": 1000})["now"]
    late = client.v1.customers.create({})
    since = client.v1.customers.list({"created": {"gte": now - 500}})
    assert [customer.id for customer in since.data] == [late.id]
    before = client.v1.customers.list({"created": {"lt": now - 500}})
    assert [customer.id for customer in before.data] == customers


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_has_1_to_100(client: stripe.StripeClient, limit: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.v1.customers.list({"limit": limit})
    assert (error.value.code, error.value.param) == ("parameter_invalid_integer", "limit")


def test_an_unknown_cursor_is_a_bad_request(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.v1.customers.list({"starting_after": "cus_none"})
    assert (error.value.http_status, error.value.param) == (400, "starting_after")


def test_sessions_are_found_by_intent_status_and_customer(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    customer = client.v1.customers.create({"email": "jenny@shop.test"})
    open_session, paid_session = make_session(customer=customer.id), make_session()
    intent = sandbox.pay(paid_session.id)["payment_intent"]["id"]
    sessions = client.v1.checkout.sessions
    assert [found.id for found in sessions.list({"payment_intent": intent}).data] == [paid_session.id]
    assert [found.id for found in sessions.list({"status": "open"}).data] == [open_session.id]
    assert [found.id for found in sessions.list({"customer": customer.id}).data] == [open_session.id]


def test_expansion_reaches_four_levels_deep(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    session = make_session()
    sandbox.pay(session.id)
    path = "payment_intent.latest_charge.balance_transaction.source"
    expanded = client.v1.checkout.sessions.retrieve(session.id, {"expand": [path, "line_items"]}).to_dict()
    charge = expanded["payment_intent"]["latest_charge"]
    assert charge["balance_transaction"]["source"]["id"] == charge["id"]
    assert expanded["line_items"]["data"][0]["description"] == "Studio pack"
    with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
        client.v1.checkout.sessions.retrieve(session.id, {"expand": [f"{path}.customer"]})


def test_a_list_expands_under_data(client: stripe.StripeClient, make_session: MakeSession) -> None:
    make_session()
    (session,) = client.v1.checkout.sessions.list({"expand": ["data.line_items"]}).data
    assert session.line_items is not None
    assert session.line_items.data[0].amount_total == 4500
    with pytest.raises(stripe.InvalidRequestError, match=r"try expanding 'data\.line_items' instead"):
        client.v1.checkout.sessions.list({"expand": ["line_items"]})


def test_what_is_no_reference_cannot_be_expanded(
    client: stripe.StripeClient, make_session: MakeSession
) -> None:
    session = make_session()
    for field in ("amount_total", "metadata", "nonsense"):
        with pytest.raises(stripe.InvalidRequestError, match=rf"cannot be expanded \({field}\)"):
            client.v1.checkout.sessions.retrieve(session.id, {"expand": [field]})


def test_line_items_are_absent_unless_asked_for(
    client: stripe.StripeClient, make_session: MakeSession
) -> None:
    session = make_session()
    assert "line_items" not in session.to_dict()
    items = client.v1.checkout.sessions.line_items.list(session.id)
    assert [item.quantity for item in items.data] == [1]
