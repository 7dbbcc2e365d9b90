"""Every visible text of a template is marked for translation, and so is every choice that pages show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.template.base import Lexer, TokenType
from django.utils.functional import Promise

from tests.support.visible_text import INTERNATIONAL, WORD, VisibleText

TEMPLATES = sorted(path for path in Path("templates").rglob("*") if path.is_file())


def unmarked(source: str) -> list[str]:
    """The visible words of a template that stand outside ``translate`` and ``blocktranslate``."""
    reader = VisibleText()
    reader.feed("".join(_outside_translations(source)))
    reader.close()
    return [text.strip() for text in reader.found if set(WORD.findall(text)) - INTERNATIONAL]


def _outside_translations(source: str) -> Iterator[str]:
    inside = ""
    for token in Lexer(source).tokenize():
        name = token.contents.split()[0] if token.token_type == TokenType.BLOCK else ""
        if inside:
            inside = "" if name == f"end{inside}" else inside
        elif name in {"blocktranslate", "blocktrans", "comment"}:
            inside = name
        elif token.token_type == TokenType.TEXT:
            yield token.contents
        elif token.token_type == TokenType.VAR or name:
            yield "0"  # a value, and no word


@pytest.mark.parametrize("path", TEMPLATES, ids=str)
def test_every_text_of_a_template_is_marked_for_translation(path: Path) -> None:
    assert unmarked(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Hello {{ name }}</p>", ["Hello 0"]),
        ('<a aria-label="Main" href="/about">{{ x }}</a>', ["Main"]),
        ('<input type="submit" value="Send">', ["Send"]),
        ('{% translate "Hello" %} there', ["0 there"]),
        ("{% if x %}Hello{% endif %}", ["0Hello0"]),
        ('{% blocktranslate %}Hello{% endblocktranslate %} <img alt="{% translate "x" %}">', []),
        ('{# Hello #}<script>let hello = "Hello";</script><p class="hello">{{ hello }} – 12</p>', []),
        ('<input type="hidden" name="next" value="hello"><meta name="viewport" content="width">', []),
    ],
)
def test_the_checker_sees_what_a_reader_would_see(source: str, found: list[str]) -> None:
    assert unmarked(source) == found


def test_there_are_templates_to_check() -> None:
    assert {"purchase.html", "success.html", "history.html", "purchase_confirmation.txt"} <= {
        path.name for path in TEMPLATES
    }


OURS = [
    app.label
    for app in apps.get_app_configs()
    if app.name.split(".")[0] in ("accounts", "credits", "billing")
]


@pytest.mark.parametrize("app", OURS)
def test_every_choice_and_name_of_a_model_is_marked_for_translation(app: str) -> None:
    plain = []
    for model in apps.get_app_config(app).get_models():
        plain += [model.__name__] * (not isinstance(model._meta.verbose_name, Promise))
        for field in model._meta.fields:
            for _value, label in field.choices or ():
                plain += [f"{model.__name__}.{field.name}: {label}"] * (not isinstance(label, Promise))
    assert plain == []
