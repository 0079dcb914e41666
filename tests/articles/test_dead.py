"""Items that the stream gave up: shown with their reason, put back, thrown away."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.articles.clients.parsed import ParsedItem
from apps.articles.models import PendingArticle
from apps.articles.services import (
    ITEMS,
    Answer,
    begin_run,
    dead_items,
    discard_dead,
    publish_items,
    record_fetched,
    replay_dead,
)
from apps.articles.streams import INGESTED, store_messages
from apps.core.actor import SYSTEM
from apps.core.errors import NotFound
from apps.core.streams import StreamConsumer, drain
from tests.articles.audit_trail import trail
from tests.factories.articles import SourceFactory
from tests.factories.users import UserFactory

pytestmark = pytest.mark.django_db

PAGE = "/admin/articles/ingestrun/dead/"
ACT = f"{PAGE}act/"


def give_one_up() -> str:
    """An item whose handler fails until the stream gives it up; returns the id of its dead letter."""
    source = SourceFactory(name="Courier")
    order = begin_run(source.pk, task_id="1")
    assert order is not None
    item = ParsedItem(guid="", url="https://a.example/1", title="<b>Lost</b> news", summary="")
    record_fetched(order.run_id, Answer(http_status=200), items=[(item.url, item.title, "")])
    publish_items(order, [item.as_message()])

    def fail(_messages: Any) -> None:
        raise ValueError("the disk is <full>")

    drain(
        StreamConsumer(
            stream=ITEMS, group="worker", handler=fail, max_deliveries=1, claim_idle_seconds=0.0, linger_seconds=0.0
        )
    )
    (letter,) = ITEMS.dead_letters()
    return letter.id


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(UserFactory(role=role))
    client.cookies["django_language"] = "en"
    return client


def test_a_dead_item_is_shown_with_its_reason_and_nothing_foreign_is_run() -> None:
    give_one_up()

    page = signed_in("editor").get(PAGE).content.decode()

    for sign in ("Courier", "the disk is &lt;full&gt;", "&lt;b&gt;Lost&lt;/b&gt; news", "Put back"):
        assert sign in page
    assert "Put back" not in signed_in("auditor").get(PAGE).content.decode()


def test_an_item_that_is_put_back_is_stored() -> None:
    dead_id = give_one_up()

    signed_in("editor").post(ACT, {"deed": "replay", "id": dead_id})
    drain(INGESTED)

    assert PendingArticle.objects.count() == 1
    assert dead_items() == []
    event = trail("source")[-1]
    assert (event["action"], event["data"]["dead_id"]) == ("replayed", dead_id)


def test_an_item_that_is_thrown_away_is_gone() -> None:
    dead_id = give_one_up()

    signed_in("editor").post(ACT, {"deed": "discard", "id": dead_id})
    drain(INGESTED)

    assert dead_items() == []
    assert PendingArticle.objects.count() == 0
    assert trail("source")[-1]["action"] == "discarded"


def test_unknown_items_and_deeds_change_nothing() -> None:
    dead_id = give_one_up()
    before = trail()
    client = signed_in("editor")

    client.post(ACT, {"deed": "burn", "id": dead_id})
    client.post(ACT, {"deed": "replay", "id": "0-1"})
    assert signed_in("auditor").post(ACT, {"deed": "discard", "id": dead_id}).status_code == 403
    for act in (replay_dead, discard_dead):
        with pytest.raises(NotFound):
            act("0-1", actor=SYSTEM)

    assert [item.id for item in dead_items()] == [dead_id]
    assert trail() == before


def test_a_message_that_is_none_of_ours_is_shown_too() -> None:
    ITEMS.publish({"nonsense": True})
    drain(
        StreamConsumer(stream=ITEMS, group="worker", handler=store_messages, max_deliveries=1, claim_idle_seconds=0.0)
    )

    assert [item.source_id for item in dead_items()] == [None]
    assert signed_in("editor").get(PAGE).status_code == 200


def test_without_redis_the_page_says_so(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert "Redis is unavailable." in signed_in("editor").get(PAGE).content.decode()
