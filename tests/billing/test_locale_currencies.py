"""Whoever chose no currency and bought nothing sees prices in that of their browser's region."""

from __future__ import annotations

import pytest

from billing.currencies import SUPPORTED
from billing.packages.models import PackagePrice
from billing.pages.locale_currencies import OF_LANGUAGE, OF_REGION, currency_of_languages
from tests.billing.calling import browser_of
from tests.support.builders import PackageFactory, UserFactory


@pytest.mark.parametrize(
    ("accepted", "currency"),
    [
        ("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", "eur"),
        ("en-GB", "gbp"),
        ("fr-CH, fr;q=0.9", "chf"),
        ("de-LI", "chf"),
        ("zh-Hant-HK", "hkd"),
        ("en;q=0.5, pl;q=0.9", "pln"),
        ("en-US;q=0.3, ja", "jpy"),
        ("fr-SN", "xof"),
        ("sr-Latn-ME", "eur"),
        ("de", ""),  # Germany's or Switzerland's?
        ("en", ""),
        ("*", ""),
        ("", ""),
        ("x-klingon; q=1, \x00", ""),
    ],
)
def test_the_region_says_the_currency(accepted: str, currency: str) -> None:
    assert currency_of_languages(accepted, sorted(SUPPORTED)) == currency


def test_only_what_is_sold_is_found_and_every_known_currency_is_stripes() -> None:
    assert currency_of_languages("de-DE,de;q=0.9,en-US;q=0.8", ["gbp", "usd"]) == "usd"
    assert currency_of_languages("de-DE,de;q=0.9", ["gbp", "usd"]) == ""
    assert {*OF_REGION.values(), *OF_LANGUAGE.values()} <= SUPPORTED


@pytest.mark.django_db
def test_the_shop_goes_by_it_until_something_is_chosen() -> None:
    package = PackageFactory.create()
    for currency, minor in (("eur", 900), ("jpy", 1500)):
        PackagePrice.objects.create(package=package, currency=currency, price_minor=minor)
    browser = browser_of(UserFactory())

    def shown(languages: str) -> str:
        page = browser.get("/credits/", headers={"accept-language": languages})
        return next(
            each for each in ("€9.00", "¥1,500", "$10.00") if f"<strong>{each}" in page.content.decode()
        )

    assert [shown(each) for each in ("en-FR,en;q=0.9", "ja", "pt-BR")] == ["€9.00", "¥1,500", "$10.00"]
    browser.get("/credits/?currency=jpy")
    assert shown("en-FR") == "¥1,500"
