"""Define the demo's users. In a module without Django, so that scripts outside the sandbox can import it."""

from typing import Any
from uuid import UUID

_STAFF = ["staff", "admin"]


def _user(number: str, username: str, given_name: str, family_name: str, roles: list[str]) -> dict[str, Any]:
    return {
        "sub": UUID(f"00000000-0000-4000-8000-0000000000{number}"),
        "username": username,
        "email": f"{username}@example.com",
        "given_name": given_name,
        "family_name": family_name,
        "roles": roles,
    }


DEMO_USERS = [
    _user("b1", "buyer", "Bea", "Buyer", []),
    _user("b2", "buyer2", "Ben", "Buyer", []),
    _user("a1", "staff", "Stella", "Staff", _STAFF),
    _user("a2", "staff2", "Stan", "Staff", _STAFF),
]
