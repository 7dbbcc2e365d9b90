"""Makes the demo's people. They are the same ones whether they come through the provider or the password form."""

from __future__ import annotations

import os

import django


def main() -> None:
    """Creates who is missing; changes nobody."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    django.setup()
    from accounts.models import User
    from sandbox.openid.demo_people import DEMO_PEOPLE

    for person in DEMO_PEOPLE:
        _user, created = User.objects.get_or_create(
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
            _user.set_password(person["username"])
            _user.save()
        print(f"{person['username']:<10}{'created' if created else 'there'}")


if __name__ == "__main__":
    main()
