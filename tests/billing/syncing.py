"""Sync the catalogue with the local Stripe, and look at what both hold."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import requests
from django.conf import settings
from django.core.management import call_command

from billing.packages.catalog_sync import SENTENCES, check_catalog
from billing.packages.models import Package
from tests.support.sandbox import Sandbox


def sync(*options: str) -> str:
    out = StringIO()
    call_command("sync_catalog", *options, stdout=out)
    return out.getvalue()


def exit_code(*options: str) -> int:
    try:
        sync(*options)
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0


def steps(said: str) -> list[tuple[str, str]]:
    """Package and what was done, for each sentence but the last."""
    return [_read(line) for line in said.splitlines()[:-1]]


def _read(sentence: str) -> tuple[str, str]:
    for what, words in {**SENTENCES, "failed": "{package} was not synced. {why}"}.items():
        pattern = re.escape(words).replace(r"\{package\}", "(?P<name>.+)")
        found = re.fullmatch(re.sub(r"\\{(id|price|why)\\}", r".+", pattern), sentence)
        if found:
            return Package.objects.get(name=found["name"]).code, what
    raise AssertionError(sentence)


def one(sandbox: Sandbox, kind: str, **fields: Any) -> dict[str, Any]:
    (found,) = [
        item for item in sandbox.objects(kind) if all(item[name] == value for name, value in fields.items())
    ]
    return found


def at_stripe(sandbox: Sandbox, path: str, **form: str) -> None:
    """What somebody does by hand in Stripe's dashboard."""
    answer = requests.post(
        f"{sandbox.url}/v1/{path}", form, auth=(settings.STRIPE_SECRET_KEY, ""), timeout=10
    )
    assert answer.ok, answer.text


def starter() -> Package:
    return Package.objects.get(code="starter")


def agrees(sandbox: Sandbox) -> None:
    """Stripe holds each package once, at its price, under its lookup key, and nothing else on sale."""
    for package in Package.objects.all():
        products = [
            p for p in sandbox.objects("product") if p["metadata"].get("package_code") == package.code
        ]
        assert [(p["id"], p["name"], p["active"]) for p in products] == [
            (package.stripe_product_id, package.name, package.is_active)
        ]
        prices = [p for p in sandbox.objects("price") if p["product"] == products[0]["id"] and p["active"]]
        assert [(p["id"], p["unit_amount"], p["currency"], p["lookup_key"]) for p in prices] == [
            (package.stripe_price_id, package.price_minor, package.currency, f"credits_{package.code}")
        ]
        assert package.current_price_id == prices[0]["id"]
    assert [drift for _, drift in check_catalog() if drift] == []
    assert exit_code("--check") == 0
