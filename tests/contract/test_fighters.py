"""Every endpoint of fighters: status, promised form, error form (F.2, decision 38)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.fighters.services import write_keys
from tests.contract.operation import covers
from tests.contract.test_articles import answered, schema  # noqa: F401
from tests.factories.fighters import FighterFactory, FighterMediaFactory, FighterUpdateFactory, RankingFactory

pytestmark = pytest.mark.django_db

SEARCH, ONE = "/api/v1/fighters/search", "/api/v1/fighters/{fighter_id}"


@pytest.mark.parametrize("path", [SEARCH, "/api/fighters/search"])
@covers("GET", "/api/v1/fighters/search")
@covers("GET", "/api/fighters/search")
def test_searching(schema: dict[str, Any], path: str) -> None:  # noqa: F811
    fighter = FighterFactory(name="Zhang Weili", name_zh="张伟丽")
    write_keys([fighter.pk])

    status, body = answered(schema, APIClient().get(path, {"q": "weili"}), path)

    assert (status, body["code"]) == (200, 0)
    assert [(item["id"], item["country_zh"]) for item in body["data"]["items"]] == [(fighter.pk, "中国")]
    assert answered(schema, APIClient().get(path), path)[1]["data"] == {"items": []}
    status, body = answered(schema, APIClient().get(path, {"q": "a" * 129}), path)
    assert (status, body["code"], body["errors"][0]["field"]) == (400, 1001, "q")
    assert answered(schema, APIClient().get(path, {"name": "x"}), path)[0] == 400


@pytest.mark.parametrize("path", [ONE, "/api/fighters/{fighter_id}"])
@covers("GET", "/api/v1/fighters/{fighter_id}")
@covers("GET", "/api/fighters/{fighter_id}")
def test_one_fighter(schema: dict[str, Any], path: str) -> None:  # noqa: F811
    fighter = FighterFactory(name="Zhang Weili")
    FighterUpdateFactory(fighter=fighter)
    FighterMediaFactory(fighter=fighter)
    RankingFactory(fighter=fighter)
    merged = FighterFactory(merged_into=fighter)

    def get(fighter_id: object) -> tuple[int, Any]:
        return answered(schema, APIClient().get(path.format(fighter_id=fighter_id)), path)

    status, body = get(fighter.pk)
    assert (status, body["data"]["name"], body["data"]["merged_into"]) == (200, "Zhang Weili", None)
    assert get(merged.pk)[0] == 301
    assert (get(0)[0], get("x")[0], get(fighter.pk + 1_000)[0]) == (400, 400, 404)
