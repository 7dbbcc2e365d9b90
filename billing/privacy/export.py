"""Write a user's data as a ZIP, from the files that each app declares (`accounts.privacy.registry`)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, cast
from zipfile import ZIP_DEFLATED, ZipFile

from accounts.models import User
from accounts.privacy.registry import File, registered

# Larger exports go to a temporary file, which is deleted when closed.
IN_MEMORY = 2**20


def export_files() -> list[File]:
    """Return the export files of every app."""
    return [file for part in registered() for file in part.files]


def left_out_models() -> dict[str, str]:
    """Return the models that refer to users and are in no file, each with the reason."""
    return {model: reason for part in registered() for model, reason in part.left_out.items()}


def write_export(user: User) -> IO[bytes]:
    """Return the ZIP, positioned at its start. Closing it deletes it."""
    spooled = cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - the caller closes it
    written = []
    with ZipFile(spooled, "w", ZIP_DEFLATED) as archive:
        for file in export_files():
            lines = file.lines(user)
            if lines is not None:
                _write(archive, file.name, lines)
                written.append(file)
        _write(archive, "README.txt", _readme(user, written))
    spooled.seek(0)
    return spooled


def _write(archive: ZipFile, name: str, lines: Iterator[str]) -> None:
    with archive.open(name, "w") as entry:
        for part in lines:
            entry.write(part.encode())


def _readme(user: User, files: list[File]) -> Iterator[str]:
    yield f"What is held about the user {user.pk}.\n\n"
    yield "Times are in UTC. Amounts are decimals with a point: credits, or money in the currency's main unit.\n"
    yield "Text that a spreadsheet would take for a formula has an apostrophe in front.\n\n"
    for file in files:
        yield f"{file.name}: {file.about}\n"
    yield "\nThe payment provider, Stripe, holds more about payments: card, address, receipts. "
    yield "What it told us about them is in stripe-events.jsonl, as long as we keep it.\n"
