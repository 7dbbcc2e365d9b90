"""The shop, the API and the admin have each package's and plan's texts in the reader's language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.audit.models import AuditEntry
from billing.errors import CatalogError
from billing.packages.catalog import load_catalog
from billing.packages.catalog_file import read_catalog
from billing.packages.models import Package
from billing.plans.models import Plan
from tests.billing.calling import browser_of
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db

FILE = """
[[package]]
code = "starter"
name = "Starter Pack"
description = "To try it out"
credits = 1000
price = "10.00"
[package.texts.de]
name = "Starterpaket"
description = "Zum Ausprobieren"
[package.texts.ar]
name = "باقة البداية"

[[plan]]
code = "plus"
name = "Plus"
credits = 1000
price = "9.00"
[plan.texts.fr]
name = "Plus mensuel"
"""


def loaded(tmp_path: Path, text: str = FILE) -> list[str]:
    path = tmp_path / "catalog.toml"
    path.write_text(text)
    return [each.outcome for each in load_catalog(read_catalog(path))]


def test_the_shop_and_the_api_show_a_package_in_the_readers_language_with_as_many_queries(
    tmp_path: Path, django_assert_num_queries: Any
) -> None:
    assert loaded(tmp_path) == ["created", "created"]
    assert loaded(tmp_path) == ["unchanged", "unchanged"]
    client = browser_of(UserFactory.create(language="de"))
    page = client.get("/credits/").content.decode()
    assert "Starterpaket" in page
    assert "Zum Ausprobieren" in page
    assert "Starter Pack" not in page
    names = {
        header: client.get("/api/v1/billing/credits/packages", headers={"Accept-Language": header}).json()[0]
        for header in ("", "de", "ar", "es")
    }
    assert {header: each["package_name"] for header, each in names.items()} == {
        "": "Starter Pack", "de": "Starterpaket", "ar": "باقة البداية", "es": "Starter Pack",
    }  # fmt: skip
    assert names["ar"]["description"] == "To try it out", "not translated into Arabic"
    with django_assert_num_queries(1):
        assert [each.shown_name for each in Package.objects.all()] == ["Starter Pack"]


def test_a_purchase_keeps_the_name_in_the_sites_language(tmp_path: Path) -> None:
    loaded(tmp_path, FILE.replace('price = "10.00"', "price = 0"))
    client = browser_of(UserFactory.create(language="de"))
    bought = client.post(
        "/api/v1/billing/credits/purchase",
        {"package_code": "starter"},
        "application/json",
        headers={"Accept-Language": "de"},
    )
    assert bought.status_code == 201, bought.json()
    (kept,) = client.get("/api/v1/billing/credits/history").json()
    assert kept["package_name"] == "Starter Pack"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('[package.texts.ja]\nname = "x"', "texts: 'ja' is not one of ar, de, es, fr"),
        ("[package.texts.es]\nname = 1", "texts: es: name is not a text of up to 100 characters"),
        (
            f'[package.texts.es]\nname = "{"x" * 101}"',
            "texts: es: name is not a text of up to 100 characters",
        ),
        ('[package.texts.es]\ntitle = "x"', "texts: es: write name and description"),
    ],
)
def test_a_catalogue_file_with_wrong_texts_is_refused(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(CatalogError, match=told):
        loaded(tmp_path, FILE.replace('[package.texts.ar]\nname = "باقة البداية"', line))
    assert not Package.objects.exists()


def edited(client: Client, row: Package | Plan, **texts: str) -> Any:
    """Press Save on the page of a package or plan, with these texts changed."""
    page = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"
    form = client.get(page).context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    kept = {name: value for name, value in data.items() if value is not None and value is not False}
    management = {
        f"{inline}-{which}_FORMS": "0"
        for inline in ("prices", "asked_prices")
        for which in ("TOTAL", "INITIAL")
    }
    return client.post(page, {**kept, **management, **texts})


def test_staff_translate_packages_and_plans_and_it_is_audited(tmp_path: Path, as_superuser: Client) -> None:
    loaded(tmp_path)
    package, plan = Package.objects.get(), Plan.objects.get()
    assert (
        edited(as_superuser, package, name_de="", description_de="Zum Testen", name_es="Inicial").status_code
        == 302
    )
    assert edited(as_superuser, plan, name_ar="بلس").status_code == 302
    package.refresh_from_db()
    plan.refresh_from_db()
    assert package.texts == {
        "de": {"description": "Zum Testen"}, "es": {"name": "Inicial"}, "ar": {"name": "باقة البداية"},
    }  # fmt: skip
    assert plan.texts == {"fr": {"name": "Plus mensuel"}, "ar": {"name": "بلس"}}
    assert AuditEntry.objects.filter(kind="packages.package", after__has_key="texts").exists()
    refused = edited(as_superuser, package, name_fr="x" * 101)
    assert refused.status_code == 200
    assert refused.context["adminform"].form.errors.keys() == {"name_fr"}
    package.refresh_from_db()
    assert "fr" not in package.texts


def test_staff_who_may_only_look_see_the_texts(tmp_path: Path, as_clerk: Client) -> None:
    loaded(tmp_path)
    for row, text in ((Package.objects.get(), "Starterpaket"), (Plan.objects.get(), "Plus mensuel")):
        page = as_clerk.get(f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/")
        assert text in page.content.decode()
        assert b'name="name_de"' not in page.content


def test_the_database_takes_no_texts_but_an_object(tmp_path: Path) -> None:
    loaded(tmp_path)
    for model in (Package, Plan):
        with pytest.raises(IntegrityError, match="texts_are_an_object"), transaction.atomic():
            model.objects.update(texts=["de"])
