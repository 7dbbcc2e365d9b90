"""Keep the translations: extract the messages, update the catalogs, check them, compile them (docs/languages.md)."""
