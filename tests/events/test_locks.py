"""One order of locks for everybody: event (then its feed), bout, fighter.  Else two wait for each other for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import OperationalError, connection, transaction
from django.test import RequestFactory
from django.utils import timezone

from apps.core.actor import Actor, ActorKind
from apps.core.db import locked
from apps.events import services
from apps.events.admin.pages import carry_out
from apps.events.clients.ufcstats import open_dataset
from apps.events.models import Bout, Event, LiveFeed
from apps.events.services import identity
from apps.events.services.ufcstats import import_ufcstats
from apps.events.services.ufcstats.fights import Card, FightImport
from apps.events.services.ufcstats.report import Report
from apps.events.task_names import POLL_SCOREBOARD
from apps.fighters.models import Fighter
from apps.fighters.services.identify import NameIndex
from apps.taskhub.testing import queued
from tests.events.recordings import evening, poll
from tests.factories.events import BoutFactory, EventExternalIdFactory, EventFactory, LiveFeedFactory
from tests.factories.fighters import FighterFactory, UnmatchedNameFactory

EDITOR = Actor(ActorKind.USER, "7", "editor")
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "ufcstats"
# Long enough for the other one to take whatever it can take before it has to wait.
HEAD_START_SECONDS = 1.0


@contextmanager
def while_another(act: Callable[[], Any]) -> Iterator[None]:
    """Hold what the block has locked until the other has come as far as it can; then both must come to an end."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    other = threading.Thread(target=run)
    with transaction.atomic():
        yield
        other.start()
        other.join(HEAD_START_SECONDS)
        _write_the_rest()
    other.join(20)
    assert not other.is_alive()
    assert failures == []


def _write_the_rest() -> None:
    """What everybody does who has locked an event: bouts, fighters, the feed."""
    list(locked(Bout.objects.all()))
    list(locked(Fighter.objects.all()))
    LiveFeed.objects.update(next_poll_at=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_an_answer_waits_for_whoever_has_the_event() -> None:
    card = evening(timezone.now())

    with while_another(lambda: card.hear(poll(3), at=3)):
        list(locked(Event.objects.all()))

    card.opener.refresh_from_db()
    assert card.opener.state == "in_round"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["merge", "split", "undo", "match"])
def test_whoever_moves_bouts_waits_for_their_card(what: str) -> None:
    one, two = FighterFactory(), FighterFactory()
    bout = BoutFactory(red_fighter=one, event=EventFactory(version=1))
    merge = identity.merge_fighters(one.pk, two.pk, actor=EDITOR) if what == "undo" else None
    question = UnmatchedNameFactory(fighter=one) if what == "match" else None
    acts = {
        "merge": lambda: identity.merge_fighters(one.pk, two.pk, actor=EDITOR),
        "split": lambda: identity.split_fighter(one.pk, [bout.pk], actor=EDITOR),
        "undo": lambda: identity.undo(merge.pk, actor=EDITOR),
        "match": lambda: identity.match_name(question.pk, two.pk, actor=EDITOR),
    }
    before = Bout.objects.get().red_fighter_id

    with while_another(acts[what]):
        list(locked(Event.objects.all()))

    assert Bout.objects.get().red_fighter_id != before


@pytest.mark.django_db(transaction=True)
def test_an_import_waits_for_the_cards_it_changes() -> None:
    importer = Actor.command("import_ufcstats")
    with open_dataset(FIXTURES / "old") as dataset:
        import_ufcstats(dataset, actor=importer)
    with open_dataset(FIXTURES / "corrected") as dataset:
        told = [met.row for met in dataset.fights() if met.row is not None]
    rows = [row for row in told if (row.red, row.blue) == ("Jean Moreau", "Victor Lang")]
    changed = Bout.objects.get(red_fighter__name="Jean Moreau", blue_fighter__name="Victor Lang")
    card = Card(changed.event_id, changed.event.starts_at.date())

    # Its fights alone: reading the events would wait for the card before any bout is touched.
    @transaction.atomic
    def store() -> None:
        FightImport(NameIndex(), Report(), "ufcstats", importer).store([(rows[0], card)])

    with while_another(store):
        list(locked(Event.objects.filter(pk=changed.event_id)))

    changed.refresh_from_db()
    assert changed.state == "amended"


def test_a_conflict_of_the_database_is_answered_with_a_sentence() -> None:
    request = RequestFactory().post("/", {"deed": "move"})
    request.user = Mock()
    deed = Mock(side_effect=OperationalError(1213, "Deadlock found"))

    answer = carry_out(request, {"move": deed}, 1, "/")

    assert answer.status_code == 409
    deed.side_effect = OperationalError(2006, "the server has gone away")
    with pytest.raises(OperationalError):
        carry_out(request, {"move": deed}, 1, "/")


@pytest.mark.django_db
def test_an_answer_for_an_event_that_is_gone_is_ignored() -> None:
    answer = services.Answer(event_id=1, source="espn", sequence=1, content_hash="x", phase="in", bouts=())

    assert services.apply_answer(answer).ignored == "not followed"


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="there whoever writes is alone")
def test_whoever_writes_to_several_feeds_takes_them_in_one_order(settings: Any) -> None:
    """Feeds that are due in the opposite order of their keys, written by three at once, over and over."""
    settings.LIVE_SCOREBOARD_URL = "http://provider.test/"
    now = timezone.now()
    feeds = [LiveFeedFactory(event=EventFactory(status="live"), next_poll_at=now) for _ in range(20)]
    for place, feed in enumerate(feeds):
        EventExternalIdFactory(event=feed.event)
        LiveFeed.objects.filter(pk=feed.pk).update(next_poll_at=now - timedelta(seconds=place))
    ids = [feed.event_id for feed in feeds]
    answers = [_nothing_of(event_id, number) for number in range(1, 4) for event_id in reversed(ids)]
    acts: list[Callable[[int], Any]] = [
        lambda _turn: services.queue_due_polls(actor=EDITOR),
        lambda turn: services.record_answer(reversed(ids), now=now - timedelta(seconds=turn)),
        lambda turn: services.apply_answers(answers[turn * 20 : turn * 20 + 20]),
    ]
    failures: list[BaseException] = []
    together = threading.Barrier(len(acts))

    def run(act: Callable[[int], Any]) -> None:
        try:
            for turn in range(3):
                together.wait(20)
                act(turn)
        except BaseException as error:
            failures.append(error)
            together.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert set(LiveFeed.objects.values_list("sequence", flat=True)) == {3}


def _nothing_of(event_id: int, number: int) -> services.Answer:
    return services.Answer(
        event_id=event_id, source="espn", sequence=number, content_hash=str(number), phase="in", bouts=()
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="there whoever writes is alone")
def test_of_two_ticks_at_once_one_asks(settings: Any) -> None:
    settings.LIVE_SCOREBOARD_URL = "http://provider.test/"
    feed = LiveFeedFactory(event=EventFactory(status="live"), next_poll_at=timezone.now())
    EventExternalIdFactory(event=feed.event)

    with while_another(lambda: services.queue_due_polls(actor=EDITOR)):
        assert services.queue_due_polls(actor=EDITOR)["polls"] == 1

    assert len(queued(POLL_SCOREBOARD)) == 1
