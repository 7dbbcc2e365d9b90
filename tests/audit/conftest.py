"""Who comes to the back office, from which address, and as which request."""

from __future__ import annotations

from tests.admin.conftest import as_superuser, superuser

__all__ = ["as_superuser", "superuser"]
