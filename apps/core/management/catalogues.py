"""Message catalogues without the gettext programs of the system: Babel reads Python, Django's ``templatize`` templates.

There is one catalogue per app (its own Python files) and one at the top (``project/``, ``templates/`` and the sentences
of foreign packages that lack a Chinese translation but can appear on our screens).  English is the msgid, so there is
no English catalogue.  Files are written without line numbers and dates: they change only when a sentence changes.
"""

from __future__ import annotations

import ast
import datetime as dt
import gettext
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

LOCALE = "zh_Hans"
KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
# Packages whose sentences appear on our screens.
FOREIGN_PACKAGES = ("unfold", "django_celery_beat", "axes", "rest_framework", "rest_framework_simplejwt")
# Their parts that are not installed here.
NOT_INSTALLED = ("unfold/contrib/",)
INSTALLED_ALL_THE_SAME = ("unfold/contrib/filters/",)
# What Django itself translates, and therefore need not be translated again.
TRANSLATED_BY_DJANGO = ("django/conf", "django/contrib/admin", "django/contrib/auth", "django/contrib/contenttypes")
NO_DATE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[#0\- +]*\d*(?:\.\d+)?[sdifr]|\{\w*\}")

Key = tuple[str | None, str]


@dataclass(frozen=True)
class Found:
    """One sentence in the source: its plural (or none) and the files that use it."""

    msgid: str
    plural: str
    context: str | None
    files: frozenset[str]

    @property
    def key(self) -> Key:
        return (self.context, self.msgid)


@dataclass
class Book:
    """One catalogue: where its sentences come from and where its files stand."""

    name: str
    root: Path
    sources: list[Path]
    folder: Path
    foreign: tuple[str, ...] = ()
    _found: dict[Key, Found] | None = field(default=None, repr=False)

    @property
    def po(self) -> Path:
        return self.folder / LOCALE / "LC_MESSAGES" / "django.po"

    @property
    def mo(self) -> Path:
        return self.po.with_suffix(".mo")

    def found(self) -> dict[Key, Found]:
        """All sentences of the sources, read once."""
        if self._found is None:
            self._found = _merge(self._messages())
        return self._found

    def _messages(self) -> Iterator[Found]:
        for source in self.sources:
            for path in _files(source):
                yield from _messages_of(path, path.relative_to(self.root).as_posix())
        if self.foreign:
            yield from _untranslated_foreign_messages(self.foreign)

    def read(self) -> Catalog:
        if not self.po.exists():
            return Catalog(locale=LOCALE, domain="django", charset="utf-8", fuzzy=False)
        return read_po(io.BytesIO(self.po.read_bytes()), locale=LOCALE, domain="django")

    def merged(self) -> Catalog:
        """Today's sentences with the translations there already are."""
        old = self.read()
        catalog = Catalog(
            locale=LOCALE,
            domain="django",
            project="Bajiaozhi",
            version="1",
            creation_date=NO_DATE,
            revision_date=NO_DATE,
            language_team="Bajiaozhi",
            last_translator="Bajiaozhi",
            copyright_holder="Bajiaozhi",
            charset="utf-8",
            fuzzy=False,
        )
        catalog.header_comment = f"# {self.name}: Simplified Chinese.  Maintained by `manage.py messages`."
        for item in sorted(self.found().values(), key=lambda item: (item.msgid, item.context or "")):
            before = old.get(item.msgid, item.context)
            identity: Any = (item.msgid, item.plural) if item.plural else item.msgid
            catalog.add(
                identity,
                string=_kept(before, bool(item.plural)),
                locations=[(file, 0) for file in sorted(item.files)],
                context=item.context,
            )
        return catalog

    def write(self) -> bool:
        """Bring both files up to date.  True when a file changed."""
        catalog = self.merged()
        if not catalog:
            return False
        changed = _write(self.po, po_bytes(catalog))
        return _write(self.mo, mo_bytes(catalog)) or changed

    def empty(self) -> list[str]:
        """Sentences without a translation."""
        catalog = self.read()
        return [item.msgid for item in self.found().values() if not _translated(catalog.get(item.msgid, item.context))]

    def problems(self) -> list[str]:
        """Everything that ``--check`` refuses."""
        if not self.found():
            return []
        if not self.po.exists():
            return [f"{self.name}: there is no catalogue"]
        catalog = self.read()
        known = {(message.context, _msgid(message)) for message in catalog if message.id}
        used = set(self.found())
        problems = [f"{self.name}: not in the catalogue: {msgid!r}" for _, msgid in _sorted(used - known)]
        problems += [f"{self.name}: no longer used: {msgid!r}" for _, msgid in _sorted(known - used)]
        for message in catalog:
            if message.id:
                problems += [f"{self.name}: {problem}: {_msgid(message)!r}" for problem in _faults(message)]
        if not self.mo.exists() or self.mo.read_bytes() != mo_bytes(catalog):
            problems.append(f"{self.name}: the compiled catalogue is stale")
        return problems


def books(base: Path) -> list[Book]:
    """The top-level catalogue and one for each app."""
    top = Book("project", base, [base / "project", base / "templates"], base / "locale", FOREIGN_PACKAGES)
    apps = sorted(path for path in (base / "apps").iterdir() if (path / "apps.py").exists())
    return [top, *(Book(path.name, base, [path], path / "locale") for path in apps)]


def contradictions(all_books: Iterable[Book]) -> list[str]:
    """Sentences that two catalogues translate differently.

    Django lays all catalogues into one, so only one of the translations is ever shown, everywhere.  One word with two
    meanings gets a context (``pgettext``, ``{% translate "…" context "…" %}``).
    """
    said: dict[Key, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for book in all_books:
        for message in book.read():
            if message.id:
                said[message.context, _msgid(message)]["|".join(_texts(message.string))].append(book.name)
    return [
        f"{_msgid_in_words(key)}: " + ", ".join(f"{text!r} in {' and '.join(names)}" for text, names in texts.items())
        for key, texts in sorted(said.items(), key=lambda item: (item[0][1], item[0][0] or ""))
        if len(texts) > 1
    ]


def _msgid_in_words(key: Key) -> str:
    context, msgid = key
    return f"{msgid!r} ({context})" if context else repr(msgid)


def _sorted(keys: set[Key]) -> list[Key]:
    return sorted(keys, key=lambda key: (key[1], key[0] or ""))


def po_bytes(catalog: Catalog) -> bytes:
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=100, include_lineno=False, ignore_obsolete=True)
    return buffer.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> bool:
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return True


def _files(source: Path) -> list[Path]:
    return sorted(
        path
        for path in source.rglob("*")
        if path.suffix in {".py", ".html", ".txt"} and "migrations" not in path.parts and "locale" not in path.parts
    )


def _messages_of(path: Path, name: str) -> Iterator[Found]:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        # Blotted-out HTML keeps its indentation, which is no Python.
        text = "\n".join(line.strip() for line in templatize(text, origin=str(path)).splitlines())
    elif not _uses_gettext(text):
        return
    lines = extract("python", io.BytesIO(text.encode()), keywords=KEYWORDS, options={"encoding": "utf-8"})
    for _line, message, _comments, context in lines:
        msgid, plural = (message[0], message[1]) if isinstance(message, tuple) else (message, "")
        if msgid:
            yield Found(msgid, plural or "", context, frozenset({name}))


def _uses_gettext(source: str) -> bool:
    """Whether a Python file imports a gettext function: elsewhere ``_`` is an ordinary name."""
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for node in ast.walk(ast.parse(source))
    )


def _merge(messages: Iterator[Found]) -> dict[Key, Found]:
    merged: dict[Key, Found] = {}
    for item in messages:
        before = merged.get(item.key)
        if before is not None:
            item = Found(item.msgid, item.plural or before.plural, item.context, item.files | before.files)
        merged[item.key] = item
    return merged


def _untranslated_foreign_messages(packages: tuple[str, ...]) -> Iterator[Found]:
    """Sentences of foreign packages that neither they nor Django say in Chinese."""
    known = _django_catalogues()
    for package in packages:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            continue
        root = Path(spec.origin).parent
        own = _catalogue(root / "locale")
        for path in _files(root):
            name = path.relative_to(root.parent).as_posix()
            if name.startswith(NOT_INSTALLED) and not name.startswith(INSTALLED_ALL_THE_SAME):
                continue
            for item in _messages_of(path, name):
                if not any(_knows(catalogue, item) for catalogue in (*known, own)):
                    yield Found(item.msgid, item.plural, item.context, frozenset({f"{package} (package)"}))


def _django_catalogues() -> list[gettext.NullTranslations]:
    spec = find_spec("django")
    site = Path(spec.origin).parent.parent if spec and spec.origin else Path()
    return [_catalogue(site / place / "locale") for place in TRANSLATED_BY_DJANGO]


def _catalogue(folder: Path) -> gettext.NullTranslations:
    return gettext.translation("django", str(folder), languages=[LOCALE], fallback=True)


def _knows(catalogue: gettext.NullTranslations, item: Found) -> bool:
    if item.context is not None:
        return catalogue.pgettext(item.context, item.msgid) != item.msgid
    if item.plural:
        return catalogue.ngettext(item.msgid, item.plural, 1) not in (item.msgid, item.plural)
    return catalogue.gettext(item.msgid) != item.msgid


def _kept(message: Message | None, plural: bool) -> Any:
    """The translation so far, in the form that a sentence with or without plural needs."""
    text = message.string if message is not None else ""
    if isinstance(text, tuple | list):
        return tuple(text) if plural else text[0]
    return (text,) if plural else text


def _msgid(message: Message) -> str:
    return message.id[0] if isinstance(message.id, tuple | list) else message.id


def _translated(message: Message | None) -> bool:
    if message is None:
        return False
    texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return bool(texts) and all(texts)


def _faults(message: Message) -> Iterator[str]:
    if message.fuzzy:
        yield "marked fuzzy"
    if not _translated(message):
        yield "without translation"
        return
    wanted = {frozenset(PLACEHOLDER.findall(text)) for text in _texts(message.id)}
    if any(frozenset(PLACEHOLDER.findall(text)) not in wanted for text in _texts(message.string)):
        yield "other placeholders than the English sentence"


def _texts(value: Any) -> list[str]:
    return list(value) if isinstance(value, tuple | list) else [value]
