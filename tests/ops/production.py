"""Commands under the production settings, in a process of their own with nothing but the given environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Container, Mapping, Sequence

SECRET_KEY = "kq7Zt2Wm9Xc4Vb6Nn8Ll1Pp3Rr5Tt0Yy-kq7Zt2Wm9Xc4Vb6Nn8Ll1Pp3Rr5Tt0Yy"
STRIPE_KEY = "sk_test_51Hq8fKJ2eZvKYlo2C9aBcDeFgHiJkLmNo"
ENVIRONMENT = {
    "SECRET_KEY": SECRET_KEY,
    "ALLOWED_HOSTS": "credits.example.com",
    "SITE_URL": "https://credits.example.com",
    "DATABASE_URL": "postgresql://credits:a-password@database:5432/credits",
    "DEFAULT_FROM_EMAIL": "credits@example.com",
    "STRIPE_SECRET_KEY": STRIPE_KEY,
    "STRIPE_WEBHOOK_SECRET_CREDITS": "whsec_9aBcDeFgHiJkLmNoPqRsTuVwXy123456",
    "OIDC_ISSUER": "https://login.example.com/realms/shop",
    "OIDC_RP_CLIENT_ID": "credits-web",
    "OIDC_RP_CLIENT_SECRET": "nE8tWm2Zq4Xc6Vb8Lk1Pj3Rh5Tf7Yd9S",
}


def manage(
    *arguments: str, without: Container[str] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """`manage.py` with a sound production environment, less ``without``, and with ``environment`` on top."""
    sound = {name: value for name, value in ENVIRONMENT.items() if name not in without}
    return run(["manage.py", *arguments], {**sound, **environment})


def run(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Python under the production settings."""
    settings = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings.production"}
    return subprocess.run(
        [sys.executable, *command],
        env={**settings, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def values_of(*expressions: str, **environment: str) -> list[object]:
    """Settings under the production environment."""
    code = f"import json; from django.conf import settings; print(json.dumps([{', '.join(expressions)}], default=str))"
    result = run(["-c", code], {**ENVIRONMENT, **environment})
    assert result.returncode == 0, result.stderr
    return list(json.loads(result.stdout))
