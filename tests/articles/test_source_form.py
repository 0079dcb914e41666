"""Saving a source: only what the person changed, and nothing over what a poll or somebody else changed meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.articles.admin import sources
from apps.articles.models import Source
from apps.articles.services import update_source
from apps.core.actor import SYSTEM, Actor
from apps.core.errors import PreconditionFailed
from tests.articles.audit_trail import trail
from tests.factories.articles import SourceFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

OLD, NEW = "https://courier.example/rss", "https://courier.example/new"


@pytest.fixture
def editor() -> Client:
    client = Client()
    client.force_login(UserFactory(role="editor"))
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def source() -> Source:
    return SourceFactory(name="Courier", source_url=OLD, rights_expires_at="2031-04-05T06:07:08.901Z")


class Page:
    """The page as somebody opened it, filled in and sent as a browser does."""

    def __init__(self, client: Client, source: Source) -> None:
        self.client, self.address = client, f"/admin/articles/source/{source.pk}/change/"
        self.fields = _fields(client.get(self.address))

    def send(self, **changes: Any) -> Any:
        """``None`` takes a tick off."""
        self.fields = {name: value for name, value in (self.fields | changes).items() if value is not None}
        answer = self.client.post(self.address, self.fields)
        if answer.status_code == 200:
            self.fields = _fields(answer)
        return answer


def _fields(answer: Any) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    for field in answer.context["adminform"].form:
        value = field.value()
        widget = field.field.widget
        if hasattr(widget, "widgets"):
            parts = value if isinstance(value, list) else widget.decompress(value)
            sent |= {f"{field.html_name}_{place}": str(part or "") for place, part in enumerate(parts)}
        elif value is True:
            sent[field.html_name] = "on"
        elif value not in (None, False):
            sent[field.html_name] = value
    return sent


def errors(answer: Any) -> dict[str, list[str]]:
    return dict(answer.context["adminform"].form.errors)


def test_what_a_poll_changed_stays_when_only_the_rights_are_saved(editor: Client, source: Source) -> None:
    page = Page(editor, source)
    update_source(source.pk, actor=SYSTEM, source_url=NEW, enabled=False)

    assert page.send(rights_playback="on").status_code == 302

    source.refresh_from_db()
    assert (source.source_url, source.enabled, source.rights_playback) == (NEW, False, True)
    event = trail()[-1]
    assert {name for name in event["new"] if event["new"][name] != event["old"][name]} == {"rights_playback"}


def test_saving_without_a_change_changes_nothing(editor: Client, source: Source) -> None:
    page = Page(editor, source)
    update_source(source.pk, actor=SYSTEM, source_url=NEW, rights_expires_at=None)
    before = Source.objects.values().get()

    assert page.send().status_code == 302

    assert Source.objects.values().get() == before


def test_a_field_that_both_changed_is_refused_with_what_stands_there_and_the_form_is_kept(
    editor: Client, source: Source
) -> None:
    page = Page(editor, source)
    update_source(source.pk, actor=SYSTEM, source_url=NEW, enabled=False)
    before, events = Source.objects.values().get(), len(trail())

    refused = page.send(source_url="https://courier.example/mine", name="My name")

    assert errors(refused) == {
        "source_url": [f"Changed meanwhile, it is now: {NEW}. Save again to put yours in its place."]
    }
    assert (Source.objects.values().get(), len(trail())) == (before, events)
    assert page.fields["source_url"] == "https://courier.example/mine"
    assert page.send().status_code == 302
    source.refresh_from_db()
    assert (source.source_url, source.name) == ("https://courier.example/mine", "My name")
    # The person never said anything about this one, although their page still shows its tick.
    assert source.enabled is False


def test_every_refusal_shows_the_newest_state(editor: Client, source: Source) -> None:
    page = Page(editor, source)
    for name in ("First", "Second"):
        update_source(source.pk, actor=SYSTEM, name=name)
        assert f"it is now: {name}" in errors(page.send(name="Mine"))["name"][0]

    assert page.send().status_code == 302
    source.refresh_from_db()
    assert source.name == "Mine"


@pytest.mark.parametrize(
    ("meanwhile", "sent", "told"),
    [
        ({"enabled": False}, {"enabled": None}, None),
        ({"arrival_policy": "drop"}, {"arrival_policy": "publish"}, "drop"),
        ({"interval_seconds": 60}, {"interval_seconds": "7200"}, "60"),
        ({"rights_expires_at": None}, {"rights_expires_at_1": "23:00:00"}, "–"),
        ({"adaptive": False}, {"adaptive": None}, None),
    ],
)
def test_every_kind_of_field_is_compared(
    editor: Client, source: Source, meanwhile: dict[str, Any], sent: dict[str, Any], told: str | None
) -> None:
    page = Page(editor, source)
    update_source(source.pk, actor=SYSTEM, **meanwhile)

    answer = page.send(**sent)

    # Two who want the same don't contradict each other.
    assert answer.status_code == (302 if told is None else 200)
    if told is not None:
        ((name, messages),) = errors(answer).items()
        assert (name, told in messages[0]) == (next(iter(meanwhile)), True)


def test_another_mistake_does_not_lose_what_was_seen(editor: Client, source: Source) -> None:
    page = Page(editor, source)
    update_source(source.pk, actor=SYSTEM, enabled=False)

    assert "interval_seconds" in errors(page.send(interval_seconds="5"))
    assert page.send(interval_seconds="900").status_code == 302

    source.refresh_from_db()
    assert source.enabled is False


@pytest.mark.parametrize("seen", ["", "[]", "{", '{"name": 7}'])
def test_a_form_that_tells_nonsense_of_what_it_showed_overwrites_nothing(
    editor: Client, source: Source, seen: str
) -> None:
    page = Page(editor, source)

    answer = page.send(seen=seen, name="Mine")

    assert set(errors(answer)) == {"name"}
    source.refresh_from_db()
    assert source.name == "Courier"


def test_a_change_between_the_look_and_the_lock_is_refused(
    editor: Client, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(editor, source)

    def a_poll_comes_first(source_id: int, *, actor: Actor, **fields: Any) -> Source:
        monkeypatch.undo()
        update_source(source_id, actor=SYSTEM, source_url=NEW)
        return update_source(source_id, actor=actor, **fields)

    monkeypatch.setattr(sources.services, "update_source", a_poll_comes_first)

    answer = page.send(source_url="https://courier.example/mine")

    assert answer.status_code == 200
    assert "Somebody else changed this in the meantime." in answer.content.decode()


def test_the_service_refuses_over_what_was_not_expected(source: Source) -> None:
    with pytest.raises(PreconditionFailed):
        update_source(source.pk, actor=SYSTEM, expected={"name": "Another"}, name="Mine")

    source.refresh_from_db()
    assert (source.name, trail()) == ("Courier", [])
    update_source(source.pk, actor=SYSTEM, expected={"name": "Another"}, name="Courier", owner="desk")


def test_who_only_looks_sees_no_hidden_field(source: Source) -> None:
    client = Client()
    client.force_login(UserFactory(role="auditor"))

    assert 'name="seen"' not in client.get(f"/admin/articles/source/{source.pk}/change/").content.decode()
