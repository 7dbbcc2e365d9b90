"""Create the demo users: the same ones, whether they sign in through the provider or with a password."""

from __future__ import annotations

from collections.abc import Iterator


def create_demo_users() -> Iterator[str]:
    """Create missing users, change no others, and yield a line for each. Needs Django to be set up."""
    from accounts.models import User
    from sandbox.openid.demo_users import DEMO_USERS

    for person in DEMO_USERS:
        user, created = User.objects.get_or_create(
            username=person["username"],
            defaults={
                "oidc_sub": str(person["sub"]),
                "email": person["email"],
                "first_name": person["given_name"],
                "last_name": person["family_name"],
                "is_staff": "staff" in person["roles"],
                "is_superuser": "admin" in person["roles"],
            },
        )
        if created:
            user.set_password(person["username"])
            user.save()
        yield f"{user.username:<10}{'created' if created else 'there already'}"
