"""The demo card of ``make run``: invented people on an evening that begins soon, to be run on the live board."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.core.actor import Actor
from apps.events.enums import Segment
from apps.events.models import Event
from apps.events.services.cards import NewBout, add_bout
from apps.events.services.entering import enter_event
from apps.fighters.models import Fighter
from apps.fighters.services import create_fighter

ACTOR = Actor.command("demo_content")
ORG, NAME, VENUE = "DEMO", "八角志演示之夜 · Bajiaozhi Demo Night", "上海 Shanghai"
STARTS_AFTER = timedelta(hours=2)
# Name, Chinese name, country, height and reach in mm.
_PEOPLE = {
    "Chen Lifeng": ("陈砺锋", "China", 1780, 1830),
    "Marek Dubrowny": ("马雷克·杜布罗尼", "Poland", 1790, 1850),
    "Tang Ruoxi": ("唐若溪", "China", 1630, 1600),
    "Ines Calderwood": ("伊内斯·卡尔德伍德", "Canada", 1650, 1630),
    "Kaito Amemori": ("雨森海斗", "Japan", 1700, 1720),
    "Lucas Ferrandim": ("卢卡斯·费兰丁", "Brazil", 1720, 1760),
    "Oleg Starikov": ("奥列格·斯塔里科夫", "Kazakhstan", 1880, 1930),
    "Dumi Nkosarana": ("杜米·恩科萨拉纳", "South Africa", 1900, 1960),
}
# The main bout first: red, blue, class, rounds, part of the card.
_BOUTS = (
    ("Tang Ruoxi", "Ines Calderwood", "Women's Strawweight", 5, Segment.MAIN_CARD),
    ("Chen Lifeng", "Marek Dubrowny", "Lightweight", 3, Segment.MAIN_CARD),
    ("Kaito Amemori", "Lucas Ferrandim", "Bantamweight", 3, Segment.PRELIMS),
    ("Oleg Starikov", "Dumi Nkosarana", "Heavyweight", 3, Segment.PRELIMS),
)


@transaction.atomic
def ensure_demo_card() -> Event | None:
    """Make the card where there is neither event nor fighter yet.  Returns it if it is new."""
    if Event.objects.exists() or Fighter.objects.exists():
        return None
    classes = {name: weight_class for red, blue, weight_class, *_ in _BOUTS for name in (red, blue)}
    people = {
        name: create_fighter(
            actor=ACTOR,
            name=name,
            name_zh=chinese,
            country=country,
            height_mm=height,
            reach_mm=reach,
            weight_class=classes[name],
        )
        for name, (chinese, country, height, reach) in _PEOPLE.items()
    }
    event = enter_event(actor=ACTOR, org=ORG, name=NAME, venue=VENUE, starts_at=timezone.now() + STARTS_AFTER)
    for red, blue, weight_class, rounds, segment in _BOUTS:
        event.refresh_from_db()
        add_bout(
            event.pk,
            NewBout(people[red].pk, people[blue].pk, segment.value, weight_class, rounds),
            actor=ACTOR,
            expected_version=event.version,
        )
    return event
