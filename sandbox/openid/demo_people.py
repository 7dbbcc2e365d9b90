"""The demo's people. Apart from the models, so that a script without this project's Django can read them."""

from typing import Any
from uuid import UUID

DEMO_PEOPLE: list[dict[str, Any]] = [
    {
        "sub": UUID("00000000-0000-4000-8000-0000000000b1"),
        "username": "buyer",
        "email": "buyer@example.com",
        "given_name": "Bea",
        "family_name": "Buyer",
        "roles": [],
    },
    {
        "sub": UUID("00000000-0000-4000-8000-0000000000b2"),
        "username": "buyer2",
        "email": "buyer2@example.com",
        "given_name": "Ben",
        "family_name": "Buyer",
        "roles": [],
    },
    {
        "sub": UUID("00000000-0000-4000-8000-0000000000a1"),
        "username": "staff",
        "email": "staff@example.com",
        "given_name": "Stella",
        "family_name": "Staff",
        "roles": ["staff", "admin"],
    },
    {
        "sub": UUID("00000000-0000-4000-8000-0000000000a2"),
        "username": "staff2",
        "email": "staff2@example.com",
        "given_name": "Stan",
        "family_name": "Staff",
        "roles": ["staff", "admin"],
    },
]
