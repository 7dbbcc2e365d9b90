"""Wherever an amount comes in, it is ASCII digits with a point: the same texts are refused at every door."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Iterator
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.forms import BaseForm
from django.http import HttpRequest
from django.test import RequestFactory
from msgspec import Raw
from prepaid_credits.amounts import read_amount as read_amount_of_client
from rest_framework.exceptions import ParseError, ValidationError

from accounts.teams.forms import CapForm, InviteForm
from billing.admin.purchases.refund_dialog import RefundForm, RefundPaymentForm
from billing.api.orders import OrderSerializer, QuoteQuerySerializer
from billing.api.refunds import PreviewQuerySerializer, RefundOrderSerializer
from billing.errors import CatalogError
from billing.packages.catalog_amounts import MONEY
from billing.packages.catalog_file import read_catalog
from billing.packages.models import CustomAmount, Package
from core.amounts.api_fields import WrittenNumbersParser
from core.errors import InvalidRequest
from credits.adjustments.grants_file import read_grants
from credits.admin.forms import AdjustForm
from credits.api.parsing import read_amount, read_quantities
from credits.pages.forms import GiftForm, ThresholdForm
from credits.rates.api import EstimateQuerySerializer
from credits.rates.card_file import read_card
from credits.rates.errors import RateCardError
from credits.rates.models import Markup, Rate
from credits.redemption.models import CodeBatch
from tests.admin.rows import make_books
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db

GOOD = "25"
# What Decimal or int would read, and what somebody may mean by something else.
BAD = [
    "٢٥",
    "２５",
    "2٥",
    "1_000",
    "1e3",
    "1E3",
    "1e-2",
    "2.5e1",
    " 25",
    "25 ",
    "25\n",
    "\u00a025",
    "+25",
    "0x19",
    "1,000",
    "25,5",
    "25.",
    ".5",
    "2.5.0",
    "--25",
    "½",
    "NaN",
    "sNaN",
    "Infinity",
    "-Infinity",
    "many",
]
# Those that JSON and TOML would take as numbers.
BAD_IN_JSON = ["1e3", "1E3", "1e-2", "2.5e1", "1e400"]
BAD_IN_TOML = [*BAD_IN_JSON, "1_000", "1_0.5", "+25", "+2.5", "0x19", "0o31", "0b11001", "nan", "inf", "-inf"]


class Refused(Exception):
    pass


# Reads a text as the door does: gives the amount, or raises Refused.
Door = Callable[[str], Any]


def refused_by(door: Door, texts: list[str]) -> list[str]:
    """Those of the texts that it takes for an amount all the same."""
    taken = []
    for text in texts:
        try:
            door(text)
        except Refused:
            continue
        taken.append(text)
    return taken


# --- Forms ------------------------------------------------------------------------------------------------------------


def through(form: BaseForm, field: str) -> Any:
    """What the form takes the field's text for; that other fields are wrong is no matter."""
    form.full_clean()
    if form.errors.get(field):
        raise Refused(form.errors[field])
    return form.cleaned_data[field]


def _request() -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = UserFactory.create(is_staff=True, is_superuser=True)
    return request


def _admin_form(model: type[Any], field: str, text: str) -> Any:
    return through(admin.site.get_model_admin(model).get_form(_request())({field: text}), field)


def _dialog(form: type[Any], field: str, text: str) -> Any:
    purchase = make_books().purchase
    return through(form(_request(), str(purchase.pk), {field: text}), field)


FORMS: dict[str, Door] = {
    "a gift": lambda text: through(GiftForm({"amount": text}), "amount"),
    "a threshold": lambda text: through(ThresholdForm({"threshold": text}), "threshold"),
    "a member's cap": lambda text: through(CapForm({"cap": text}), "cap"),
    "an invitation's cap": lambda text: through(InviteForm({"cap": text}), "cap"),
    "an adjustment": lambda text: through(AdjustForm(_request(), "", {"amount": text}), "amount"),
    "a refund": lambda text: Decimal(_dialog(RefundForm, "amount", text)) / 100,
    "a payment that is refunded": lambda text: _dialog(RefundPaymentForm, "minor", text),
    "a package's price": lambda text: _admin_form(Package, "price", text),
    "a package's credits": lambda text: _admin_form(Package, "credits", text),
    "a package's validity": lambda text: _admin_form(Package, "validity_days", text),
    "a custom amount's minimum": lambda text: _admin_form(CustomAmount, "minimum", text),
    "a custom amount's maximum": lambda text: _admin_form(CustomAmount, "maximum", text),
    "a custom amount's increment": lambda text: _admin_form(CustomAmount, "increment", text),
    "a custom amount's credits": lambda text: _admin_form(CustomAmount, "credits_per_unit", text),
    "a custom amount's validity": lambda text: _admin_form(CustomAmount, "validity_days", text),
    "a redemption code's credits": lambda text: _admin_form(CodeBatch, "credits", text),
    "a redemption code's uses": lambda text: _admin_form(CodeBatch, "uses", text),
    "a batch's number of codes": lambda text: _admin_form(CodeBatch, "count", text),
    "the validity of a code's credits": lambda text: _admin_form(CodeBatch, "validity_days", text),
    "a rate's price": lambda text: _admin_form(Rate, "price", text),
    "a rate's number of units": lambda text: _admin_form(Rate, "per", text),
    "a markup": lambda text: _admin_form(Markup, "percent", text),
}


@pytest.mark.parametrize("door", FORMS.values(), ids=FORMS.keys())
def test_forms_take_plain_digits_only(door: Door) -> None:
    assert door(GOOD) == 25
    assert refused_by(door, BAD) == []


# --- APIs -------------------------------------------------------------------------------------------------------------


def _of_service(text: str) -> Any:
    try:
        return read_amount(Raw(text.encode()), "amount")
    except InvalidRequest as error:
        raise Refused from error


def _quantity_of_service(text: str) -> Any:
    try:
        return read_quantities({"seconds": Raw(text.encode())})["seconds"]
    except InvalidRequest as error:
        raise Refused from error


def _of_billing(serializer: type[Any], field: str) -> Door:
    """As the field of a request's JSON body."""

    def read(text: str) -> Any:
        body = BytesIO(f'{{"{field}": {text}}}'.encode())
        try:
            data = WrittenNumbersParser().parse(body, "application/json", {"encoding": "utf-8"})
            return serializer().fields[field].run_validation(data[field])
        except (ParseError, ValidationError) as error:
            raise Refused from error

    return read


APIS: dict[str, Door] = {
    "a spend, hold, capture or transfer": _of_service,
    "a usage": _quantity_of_service,
    "a custom amount": _of_billing(OrderSerializer, "amount"),
    "the quote of a custom amount": _of_billing(QuoteQuerySerializer, "amount"),
    "a refund": _of_billing(RefundOrderSerializer, "amount"),
    "the preview of a refund": _of_billing(PreviewQuerySerializer, "amount"),
    "an estimate's seconds": _of_billing(EstimateQuerySerializer, "seconds"),
    "an estimate's images": _of_billing(EstimateQuerySerializer, "images"),
    "an estimate's tokens": _of_billing(EstimateQuerySerializer, "expected_output_tokens"),
}


@pytest.mark.parametrize("door", APIS.values(), ids=APIS.keys())
def test_apis_take_plain_digits_only_in_quotes_or_not(door: Door) -> None:
    assert door(GOOD) == door(f'"{GOOD}"') == 25
    assert refused_by(door, [json.dumps(text, ensure_ascii=False) for text in BAD]) == []
    assert refused_by(door, BAD_IN_JSON) == []


def test_a_json_number_keeps_every_digit() -> None:
    """By way of a float the last digits would go, and a fraction of a cent with them."""
    refund = _of_billing(RefundOrderSerializer, "amount")
    with pytest.raises(Refused):
        refund("4.3500000000000000001")
    assert refund("12345678901234567.125") == Decimal("12345678901234567.125")


def test_the_client_refuses_what_the_api_would(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(text: str) -> Any:
        try:
            return read_amount_of_client(text)
        except ValueError as error:
            raise Refused from error

    assert read(GOOD) == 25
    assert refused_by(read, BAD) == []


# --- Files ------------------------------------------------------------------------------------------------------------

CATALOG = """\
[[package]]
code = "starter"
name = "Starter"
credits = 1000
price = 10
display_order = 3
validity_days = 30
"""
CUSTOM_AMOUNT = """\
[[custom_amount]]
minimum = 25
maximum = 250
increment = 25
credits_per_unit = 100
validity_days = 25
"""
CARD = """\
[[rate]]
provider = "example"
model = "chat-small"
unit = "seconds"
price = 1
per = 60
[[markup]]
percent = 20
"""


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "file.toml"


def _lines(text: str, key: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line.startswith(f"{key} ="))


def _with(text: str, key: str, value: str) -> str:
    (line,) = _lines(text, key)
    return text.replace(line, f"{key} = {value}")


@pytest.mark.parametrize("key", ["credits", "price", "display_order", "validity_days"])
def test_a_catalogue_takes_plain_digits_only(toml: Path, key: str) -> None:
    def read(text: str) -> Any:
        toml.write_text(_with(CATALOG, key, text))
        try:
            (package,) = read_catalog(toml).packages
        except CatalogError as error:
            if f": {key}: " not in error.message:
                raise
            raise Refused from error
        return package.price.major if key == "price" else getattr(package, key)

    assert read(GOOD) == 25
    assert refused_by(read, BAD_IN_TOML) == []
    if key != "validity_days":  # which is never in quotes
        assert read(f'"{GOOD}"') == 25
        assert refused_by(read, [json.dumps(text, ensure_ascii=False) for text in BAD]) == []


@pytest.mark.parametrize("key", ["minimum", "maximum", "increment", "credits_per_unit", "validity_days"])
def test_a_catalogues_custom_amounts_are_plain_digits_only(toml: Path, key: str) -> None:
    def read(text: str) -> Any:
        toml.write_text(CATALOG + _with(CUSTOM_AMOUNT, key, text))
        try:
            (entry,) = read_catalog(toml).custom_amounts
        except CatalogError as error:
            if f": {key}: " not in error.message:
                raise
            raise Refused from error
        return getattr(entry, f"{key}_minor") / 100 if key in MONEY else getattr(entry, key)

    assert read(GOOD) == 25
    assert refused_by(read, BAD_IN_TOML) == []
    if key != "validity_days":  # which is never in quotes
        assert read(f'"{GOOD}"') == 25
        assert refused_by(read, [json.dumps(text, ensure_ascii=False) for text in BAD]) == []


@pytest.mark.parametrize("key", ["price", "per", "percent"])
def test_a_rate_card_takes_plain_digits_only(toml: Path, key: str) -> None:
    def read(text: str) -> Any:
        toml.write_text(_with(CARD, key, text))
        try:
            rows = [row.row for row in read_card(toml)]
        except RateCardError as error:
            if f": {key}: " not in error.message:
                raise
            raise Refused from error
        return getattr(rows[key == "percent"], key)

    assert read(GOOD) == 25
    assert refused_by(read, BAD_IN_TOML) == []
    if key != "per":  # which is never in quotes
        assert read(f'"{GOOD}"') == 25
        assert refused_by(read, [json.dumps(text, ensure_ascii=False) for text in BAD]) == []


def test_a_comment_behind_a_number_is_none_of_it(toml: Path) -> None:
    toml.write_text(_with(_with(CATALOG, "credits", "25 # not 1_000"), "price", "2.50# +1"))
    (package,) = read_catalog(toml).packages
    assert package.credits == 25
    assert package.price.minor == 250


def test_a_file_of_grants_takes_plain_digits_only() -> None:
    def read(text: str) -> Any:
        (line,) = read_grants(["email,amount,key,reason\n", f'ada@example.com,"{text}",key,Why\n'])
        if line.mistakes:
            assert [mistake.field for mistake in line.mistakes] == ["amount"]
            raise Refused
        return line.terms.amount

    assert read(GOOD) == 25
    assert refused_by(read, [*BAD, ""]) == []


# --- Settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["REFUND_LIMIT", "GIFT_DAILY_LIMIT", "ADJUSTMENT_APPROVAL_ABOVE"])
def test_settings_take_plain_digits_only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(text: str) -> Any:
        monkeypatch.setenv(name, text)
        try:
            return runpy.run_path("config/settings/base.py")[name]
        except ImproperlyConfigured as error:
            if not str(error).startswith(f"{name}: "):
                raise
            raise Refused from error

    assert read(GOOD) == 25
    assert refused_by(read, [*BAD, ""]) == []
