"""The one form in which e-mail addresses and usernames are matched: NFC, then ASCII letters in lower case.

Other foldings make one letter of several. In capitals the dotless ı is I, as i is, and the long ſ is S, as s is: by
PostgreSQL's UPPER(), Django's ``iexact`` or Unicode case folding, credits for mike@ could reach mıke@. Here two texts
have the same form only if they are the same characters, whatever the case of A to Z.
"""

from __future__ import annotations

import unicodedata
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Func, Lookup, TextField
from django.db.models.sql.compiler import SQLCompiler

# Stored in columns, indexes and checks: another form needs new ones of each. In the C collation lower() knows no
# letters but A to Z.
IN_SQL = 'lower(normalize(%(expressions)s, NFC) COLLATE "C")'
TO_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def normal_form(text: str) -> str:
    """Give the text's normal form, as `NormalForm` does in the database."""
    return unicodedata.normalize("NFC", text).translate(TO_LOWER)


class NormalForm(Func):
    """Compute the normal form in the database: ``NormalForm("username")``."""

    template = IN_SQL
    arity = 1
    output_field = TextField()


@CharField.register_lookup
@TextField.register_lookup
class HasNormalForm(Lookup):
    """Match a column by the normal forms of both sides: ``username__normal_form="Ada"``, also in ``search_fields``."""

    lookup_name = "normal_form"

    def get_prep_lookup(self) -> str:
        return normal_form(str(self.rhs))

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, named = self.process_lhs(compiler, connection)
        word, given = self.process_rhs(compiler, connection)
        return f"{IN_SQL % {'expressions': column}} = {word}", (*named, *given)
