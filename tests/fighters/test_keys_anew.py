"""The migration that derives the search keys anew: the same as the service writes, however old what stands there is."""

from importlib import import_module

import pytest
from django.apps import apps

from apps.fighters.models import FighterAlias, FighterNameKey
from apps.fighters.services import write_keys
from tests.factories.fighters import FighterFactory

pytestmark = pytest.mark.django_db


def keys():
    return sorted(FighterNameKey.objects.values_list("fighter_id", "name_key", "kind"))


def test_migrating_writes_what_the_service_would():
    fighters = [
        FighterFactory(name="Jan Błachowicz", name_zh="扬·布瓦霍维奇"),
        FighterFactory(name="Georges St-Pierre"),
    ]
    FighterAlias.objects.create(fighter=fighters[1], name="GSP", name_key="gsp")
    merged = FighterFactory(name="Somebody Merged", merged_into=fighters[0])
    write_keys([fighter.pk for fighter in [*fighters, merged]])
    wanted = keys()
    FighterNameKey.objects.filter(fighter=fighters[0]).delete()
    FighterNameKey.objects.filter(fighter=fighters[1]).update(name_key="old")

    migration = import_module("apps.fighters.migrations.0006_name_keys_anew")
    for _ in range(2):
        migration.write_keys(apps, None)

    assert keys() == wanted
