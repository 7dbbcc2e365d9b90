"""The message tool finds every marked text, keeps what is translated, and reports each fault of a catalog."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo
from django.core.checks import CheckMessage

from accounts.checks import check_translations
from dev.messages import catalogs, checking
from dev.messages.compiling import compile_catalogs
from dev.messages.extraction import extract_messages, template_as_code
from dev.messages.languages import COMPLETE, PLURALS, ROOT

PAGE = """
    {% load i18n %}
      <p>{% translate "Hello" %}</p>
  {% blocktranslate count total=total trimmed context "shop" %}
    {{ total }} pack
  {% plural %}
    {{ total }} packs
  {% endblocktranslate %}
        <a title="{% translate "It’s" %}">{{ _("More") }}</a>
"""


def files_with(messages: Catalog, text: str, context: str | None = None) -> list[str]:
    found = messages.get(text, context=context)
    assert found is not None
    return [file for file, _line in found.locations]


@pytest.fixture(scope="module")
def messages() -> Catalog:
    return extract_messages()


def test_messages_are_found_in_code_in_templates_and_in_the_admin_that_unfold_draws(
    messages: Catalog,
) -> None:
    assert files_with(messages, "Stripe’s minimum is %s.") == ["billing/money.py"]
    assert "templates/base.html" in files_with(messages, "Skip to content")
    assert files_with(messages, "No results found") == ["unfold/templates/unfold/helpers/empty_results.html"]
    assert files_with(messages, "none", "payment")
    assert "Log out" not in messages, "Django brings it"


def test_indentation_of_a_template_is_no_matter_to_its_messages() -> None:
    code = template_as_code(PAGE, "page.html")
    assert "gettext(u'Hello')" in code
    assert "npgettext(u'shop', u'%(total)s pack', u'%(total)s packs'" in code
    assert "More" in code
    assert all(line == line.strip() for line in code.splitlines())


def a_catalog(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(catalogs.HEADER.format(language="de", plurals=PLURALS["de"]) + body)


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "de/LC_MESSAGES/django.po"
    for module in (catalogs, checking):
        monkeypatch.setattr(module, "catalog_path", lambda language: path)
    return path


def small_catalog(*texts: str) -> Catalog:
    found = Catalog(fuzzy=False)
    for text in texts:
        found.add(text, locations=[("a.py", 0)])
    return found


def test_an_update_keeps_translations_marks_changed_ones_and_drops_the_gone(german: Path) -> None:
    a_catalog(german, 'msgid "Buy"\nmsgstr "Kaufen"\n\nmsgid "Gone for good"\nmsgstr "Weg"\n\n'
                      'msgid "Your credits are in you account."\nmsgstr "Da."\n')  # fmt: skip
    wanted = small_catalog("Buy", "Your credits are in your account.", "New")
    german.write_text(catalogs.updated_text(wanted, "de"))
    found = catalogs.read_catalog(german, "de")
    assert {message.id: (message.string, message.fuzzy) for message in found if message.id} == {
        "Buy": ("Kaufen", False),
        "Your credits are in your account.": ("Da.", True),
        "New": ("", False),
    }
    assert "Weg" not in german.read_text()
    assert catalogs.updated_text(wanted, "de") == german.read_text(), "a second update changes nothing"
    faults = list(checking.find_faults(wanted, "de"))
    assert sorted(fault.split(": ")[1] for fault in faults) == ["fuzzy", "not translated"]
    assert list(checking.find_faults(small_catalog("Buy"), "de"))[-1].endswith("Run: make messages")


@pytest.mark.parametrize(
    ("source", "translation", "faults"),
    [
        ("%(credits)s for %(team)s", "%(team)s: %(credits)s", 0),
        ("%(credits)s for %(team)s", "%(credits)s", 1),
        ("%(credits)s", "%(kredite)s", 1),
        ("100%%", "100 %%", 0),
        ("Pay <strong>now</strong>", "Jetzt zahlen", 1),
        ("Hello {name}", "Hallo", 1),
        ("\nHello", "Hallo", 1),
        (("%(n)s pack", "%(n)s packs"), ("ein Paket", "%(n)s Pakete"), 0),
        (("%(n)s pack", "%(n)s packs"), ("%(n)s Paket", "Pakete"), 1),
        (("%(n)s pack", "%(n)s packs"), ("%(n)s Paket", ""), 1),
    ],
)
def test_a_translation_has_the_placeholders_and_tags_of_its_source(
    source: str | tuple[str, str], translation: str | tuple[str, str], faults: int
) -> None:
    assert len(list(checking.faults_of(Message(source, translation)))) == faults


def test_catalogs_compile_with_their_plural_forms(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "locale", tmp_path / "locale", ignore=shutil.ignore_patterns("*.mo"))
    compile_catalogs(tmp_path / "locale")
    for language, plurals in PLURALS.items():
        compiled = read_mo(
            io.BytesIO((tmp_path / "locale" / language / "LC_MESSAGES/django.mo").read_bytes())
        )
        assert f"nplurals={compiled.num_plurals};" in plurals
    assert set(COMPLETE) <= set(PLURALS)


def test_a_catalog_that_is_not_compiled_is_reported_at_startup(tmp_path: Path, settings: object) -> None:
    settings.LOCALE_PATHS = [tmp_path]  # type: ignore[attr-defined]
    a_catalog(tmp_path / "de/LC_MESSAGES/django.po", 'msgid "Buy"\nmsgstr "Kaufen"\n')
    (found,) = check_translations()
    assert isinstance(found, CheckMessage)
    assert (found.msg, found.hint) == ("Not compiled: the translations de.", "Run: make setup")
    compile_catalogs(tmp_path)
    assert check_translations() == []
