"""Telling the application that a session has ended (OpenID Connect Back-Channel Logout 1.0, section 2.5)."""

from typing import Any

import urllib3

PATH = "/oidc/backchannel-logout/"
_pool = urllib3.PoolManager(retries=False, timeout=10.0)


def send(url: str, logout_token: str) -> dict[str, Any]:
    """Posts the token as a form, once, as Keycloak does. Gives the answer, or why there was none."""
    try:
        answer = _pool.request("POST", url, fields={"logout_token": logout_token}, encode_multipart=False)
    except urllib3.exceptions.HTTPError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"status": answer.status, "body": answer.data.decode(), "headers": dict(answer.headers)}
