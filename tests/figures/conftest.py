"""Figures are counted outside of any other transaction, so these tests commit what they do."""

from __future__ import annotations

import pytest
from django.test import Client

from billing.packages.models import Package
from tests.support.builders import PackageFactory, UserFactory
from tests.support.signing_in import sign_in


@pytest.fixture(autouse=True)
def _committed(transactional_db: None) -> None:
    """Every test here."""


@pytest.fixture
def boss() -> Client:
    return sign_in(UserFactory.create(is_staff=True, is_superuser=True))


@pytest.fixture
def package() -> Package:
    """1,000 credits for $10.00."""
    found: Package = PackageFactory.create(code="small", name="Small")
    return found
