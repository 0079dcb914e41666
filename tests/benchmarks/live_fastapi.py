"""The peer: FastAPI with SQLAlchemy (async, psycopg), reading the same rows of the same tables at each request.

Its own process; no log, no envelope, no cache: the usual way to write it.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qsl, urlsplit

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import BigInteger, ForeignKey, String, select
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Event(Base):
    __tablename__ = "events"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    org: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(16))
    venue: Mapped[str] = mapped_column(String(255))


class Fighter(Base):
    __tablename__ = "fighters"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(128))
    country: Mapped[str] = mapped_column(String(64))
    weight_class: Mapped[str] = mapped_column(String(64))
    record: Mapped[str] = mapped_column(String(64))


class Bout(Base):
    __tablename__ = "bouts"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    sequence_no: Mapped[int]
    card_segment: Mapped[str] = mapped_column(String(24))
    state: Mapped[str] = mapped_column(String(16))
    result: Mapped[str] = mapped_column(String(128))
    round: Mapped[int | None]
    time_sec: Mapped[int | None]
    red_fighter_id: Mapped[int] = mapped_column(ForeignKey("fighters.id"))
    blue_fighter_id: Mapped[int] = mapped_column(ForeignKey("fighters.id"))
    red_fighter: Mapped[Fighter] = relationship(foreign_keys=[red_fighter_id])
    blue_fighter: Mapped[Fighter] = relationship(foreign_keys=[blue_fighter_id])


class CornerOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    name: str
    country: str
    weight_class: str
    record: str


class BoutOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    sequence_no: int
    card_segment: str
    state: str
    result: str
    round: int | None
    time_sec: int | None
    red_fighter: CornerOut
    blue_fighter: CornerOut


class CardOut(BaseModel):
    id: int
    org: str
    name: str
    status: str
    venue: str
    bouts: list[BoutOut]


def _address() -> URL:
    """The database of DATABASE_URL, by the driver that the product uses."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return URL.create(
        "postgresql+psycopg",
        username=parts.username,
        password=parts.password,
        host=parts.hostname,
        port=parts.port,
        database=parts.path.lstrip("/"),
        query=dict(parse_qsl(parts.query)),
    )


application = FastAPI()
sessions = async_sessionmaker(create_async_engine(_address(), pool_size=10))


@application.get("/api/v1/events/{event_id}")
async def card(event_id: int) -> CardOut:
    async with sessions() as session:
        event = await session.get(Event, event_id)
        if event is None:
            raise HTTPException(404)
        bouts = await session.scalars(
            select(Bout)
            .where(Bout.event_id == event_id)
            .options(joinedload(Bout.red_fighter), joinedload(Bout.blue_fighter))
            .order_by(Bout.sequence_no)
        )
        shown = [BoutOut.model_validate(bout) for bout in bouts]
        return CardOut(id=event.id, org=event.org, name=event.name, status=event.status, venue=event.venue, bouts=shown)


@application.get("/api/v1/fighters/search")
async def search(q: str) -> list[CornerOut]:
    """The least that a search can do: names that begin so, as they are written."""
    async with sessions() as session:
        found = await session.scalars(
            select(Fighter).where(Fighter.name.like(f"{q}%")).order_by(Fighter.name).limit(20)
        )
        return [CornerOut.model_validate(fighter) for fighter in found]
