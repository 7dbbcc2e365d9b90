"""Normalise email addresses and usernames for matching: NFC, then ASCII letters to lower case.

Other foldings merge distinct letters. The dotless ı and i share the capital I, the long ſ and s share S: with
PostgreSQL's UPPER(), Django's ``iexact`` or Unicode case folding, credits for mike@ could reach mıke@. Here two texts
match only if their characters are the same, whatever the case of A to Z.
"""

from __future__ import annotations

import unicodedata
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Func, Lookup, TextField
from django.db.models.sql.compiler import SQLCompiler

# Stored in columns, indexes and checks, which must all change with it. In the C collation lower() knows only A to Z.
IN_SQL = 'lower(normalize(%(expressions)s, NFC) COLLATE "C")'
# Sorts behind all others in the C collation.
LAST_CHARACTER = "\U0010ffff"
TO_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def normal_form(text: str) -> str:
    """Return the text's normal form, as `NormalForm` does in the database."""
    return unicodedata.normalize("NFC", text).translate(TO_LOWER)


class NormalForm(Func):
    """The normal form, computed in the database: ``NormalForm("username")``."""

    template = IN_SQL
    arity = 1
    output_field = TextField()


@CharField.register_lookup
@TextField.register_lookup
class HasNormalForm(Lookup):
    """A lookup by the normal form of both sides: ``username__normal_form="Ada"``, also in ``search_fields``."""

    lookup_name = "normal_form"

    def get_prep_lookup(self) -> str:
        return normal_form(str(self.rhs))

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, named = self.process_lhs(compiler, connection)
        word, given = self.process_rhs(compiler, connection)
        return f"{IN_SQL % {'expressions': column}} = {word}", (*named, *given)


@CharField.register_lookup
class StartsInNormalForm(HasNormalForm):
    """A lookup by how a normal form begins, ``name__starts_in_normal_form="Ad"``, as a range of the column's index."""

    lookup_name = "starts_in_normal_form"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, named = self.process_lhs(compiler, connection)
        word, given = self.process_rhs(compiler, connection)
        form = IN_SQL % {"expressions": column}
        ends = (f"{text}{LAST_CHARACTER}" for text in given)
        return f"({form} >= {word} AND {form} < {word})", (*named, *given, *named, *ends)
