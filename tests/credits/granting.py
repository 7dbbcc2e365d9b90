"""Run `grant_credits`."""

from __future__ import annotations

from io import StringIO

from django.core.management import CommandError, call_command

HEADER = "email,amount,key,reason"


def run(file: str, *options: str) -> tuple[str, list[str]]:
    """What it says at its end (its summary or why it failed), and the lines of mistakes."""
    out, err = StringIO(), StringIO()
    try:
        call_command("grant_credits", file, *options, stdout=out, stderr=err)
    except CommandError as error:
        return f"failed: {error}", err.getvalue().splitlines()
    return out.getvalue().strip(), err.getvalue().splitlines()
