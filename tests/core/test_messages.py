"""The catalogues of messages: what is extracted, kept, refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from apps.core.management.catalogues import Book, contradictions, po_bytes


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A small app with one Python file and one template."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "texts.py").write_text(
        "from django.utils.translation import gettext as _, ngettext\n"
        "one = _('Red shoes')\n"
        "many = ngettext('%(count)d shoe', '%(count)d shoes', 2)\n"
    )
    (tmp_path / "shop" / "page.html").write_text(
        '{% load i18n %}\n    <p>{% trans "Blue shoes" %}</p>\n'
        "{% blocktranslate trimmed with name=x %}Hello\n   {{ name }}{% endblocktranslate %}"
    )
    return tmp_path


def book_of(root: Path) -> Book:
    return Book("shop", root, [root / "shop"], root / "shop" / "locale")


def translate(root: Path, **texts: str) -> None:
    """Fill in translations by hand, as a person does in the file."""
    catalog = book_of(root).read()
    for message in catalog:
        key = message.id[0] if isinstance(message.id, tuple) else message.id
        if key in texts:
            message.string = (texts[key],) if isinstance(message.id, tuple) else texts[key]
    book_of(root).po.write_bytes(po_bytes(catalog))


CHINESE = {
    "Red shoes": "红鞋",
    "Blue shoes": "蓝鞋",
    "%(count)d shoe": "%(count)d 双鞋",
    "Hello %(name)s": "你好，%(name)s",
}


def test_python_and_templates_are_read(app: Path) -> None:
    assert {item.msgid for item in book_of(app).found().values()} == set(CHINESE)


def test_underscore_that_is_not_gettext_is_not_read(app: Path) -> None:
    (app / "shop" / "other.py").write_text("def f(_): return _('not a sentence')\n")

    assert "not a sentence" not in {item.msgid for item in book_of(app).found().values()}


def test_translations_are_kept_and_new_sentences_are_added(app: Path) -> None:
    book_of(app).write()
    translate(app, **CHINESE)
    (app / "shop" / "more.py").write_text("from django.utils.translation import gettext as _\nx = _('Green shoes')\n")

    assert book_of(app).write() is True

    catalog = book_of(app).read()
    assert catalog.get("Red shoes").string == "红鞋"
    assert catalog.get("%(count)d shoe").string == ("%(count)d 双鞋",)
    assert catalog.get("Green shoes").string == ""
    assert book_of(app).empty() == ["Green shoes"]


def test_sentence_that_is_gone_leaves_the_catalogue(app: Path) -> None:
    book_of(app).write()
    translate(app, **CHINESE)
    (app / "shop" / "page.html").unlink()

    book_of(app).write()

    assert {message.id for message in book_of(app).read() if message.id} == {
        "Red shoes",
        ("%(count)d shoe", "%(count)d shoes"),
    }


def test_second_run_changes_nothing(app: Path) -> None:
    book_of(app).write()

    assert book_of(app).write() is False


def test_complete_catalogue_has_no_problems(app: Path) -> None:
    book_of(app).write()
    translate(app, **CHINESE)
    book_of(app).write()

    assert book_of(app).problems() == []


def test_check_names_every_kind_of_problem(app: Path) -> None:
    book_of(app).write()
    translate(app, **(CHINESE | {"Hello %(name)s": "你好，%(nmae)s", "Blue shoes": ""}))
    (app / "shop" / "texts.py").write_text("from django.utils.translation import gettext as _\nx = _('Green shoes')\n")

    assert book_of(app).problems() == [
        "shop: not in the catalogue: 'Green shoes'",
        "shop: no longer used: '%(count)d shoe'",
        "shop: no longer used: 'Red shoes'",
        "shop: without translation: 'Blue shoes'",
        "shop: other placeholders than the English sentence: 'Hello %(name)s'",
        "shop: the compiled catalogue is stale",
    ]


def test_fuzzy_translation_is_refused(app: Path) -> None:
    book_of(app).write()
    translate(app, **CHINESE)
    catalog: Catalog = book_of(app).read()
    catalog.get("Red shoes").flags.add("fuzzy")
    book_of(app).po.write_bytes(po_bytes(catalog))

    assert "shop: marked fuzzy: 'Red shoes'" in book_of(app).problems()


def test_one_sentence_has_one_translation_in_all_catalogues(app: Path) -> None:
    (app / "desk").mkdir()
    (app / "desk" / "texts.py").write_text(
        "from django.utils.translation import gettext as _, pgettext\none = _('Red shoes')\n"
        "two = pgettext('socks', 'Blue shoes')\n"
    )
    desk = Book("desk", app, [app / "desk"], app / "desk" / "locale")
    for book in (book_of(app), desk):
        book.write()
    translate(app, **CHINESE)
    catalog = desk.read()
    for message in catalog:
        message.string = "红袜子"
    desk.po.write_bytes(po_bytes(catalog))

    assert contradictions([book_of(app), desk]) == ["'Red shoes': '红鞋' in shop, '红袜子' in desk"]
