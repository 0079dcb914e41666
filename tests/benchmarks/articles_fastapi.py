"""The peer: FastAPI with SQLAlchemy (async, psycopg), reading the same page of the same table at each request.

Its own process; no log, no envelope, no cache: the usual way to write it.
"""

from __future__ import annotations

import datetime as dt
import os
from urllib.parse import parse_qsl, urlsplit

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import BigInteger, ForeignKey, String, Text, func, select
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

PAGE_SIZE = 20


class Base(DeclarativeBase):
    pass


class Source(Base):
    __tablename__ = "data_sources"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(128))


class Article(Base):
    __tablename__ = "articles"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    source_id: Mapped[int | None] = mapped_column(ForeignKey("data_sources.id"))
    title: Mapped[str] = mapped_column(String(255))
    summary: Mapped[str] = mapped_column(Text)
    source_url: Mapped[str] = mapped_column(String(512))
    cover_url: Mapped[str] = mapped_column(String(512))
    video_url: Mapped[str] = mapped_column(String(512))
    status: Mapped[str] = mapped_column(String(16))
    published_at: Mapped[dt.datetime]
    source_published_at: Mapped[dt.datetime | None]
    source: Mapped[Source | None] = relationship()


class Item(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    source_id: int | None
    title: str
    summary: str
    source_url: str
    cover_url: str
    video_url: str
    published_at: dt.datetime
    source_published_at: dt.datetime | None


class Page(BaseModel):
    items: list[Item]
    total: int


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


@application.get("/api/v1/articles")
async def articles() -> Page:
    published = Article.status == "published"
    async with sessions() as session:
        total = await session.scalar(select(func.count()).select_from(Article).where(published))
        rows = await session.scalars(
            select(Article)
            .where(published)
            .options(joinedload(Article.source))
            .order_by(Article.published_at.desc(), Article.id.desc())
            .limit(PAGE_SIZE)
        )
        return Page(items=[Item.model_validate(row) for row in rows], total=total or 0)


@application.get("/healthz")
async def health() -> dict[str, str]:
    return {"status": "ok"}
