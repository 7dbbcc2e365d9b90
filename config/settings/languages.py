"""Languages of pages, emails and receipts (docs/languages.md)."""

from __future__ import annotations

from pathlib import Path

from config.environment import Environment

env = Environment()

# For whoever has chosen none and whose browser asks for none of these; also of what is stored in one language.
LANGUAGE_CODE = env("LANGUAGE_CODE", default="en")
# Each by its own name, so that whoever doesn't read the page's language finds theirs.
LANGUAGES = [
    ("en", "English"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("es", "Español"),
    ("ar", "العربية"),
]
LOCALE_PATHS = [Path(__file__).resolve().parent.parent.parent / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]
LANGUAGE_COOKIE_NAME = "credits_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
