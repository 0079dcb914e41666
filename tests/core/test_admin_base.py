"""What every admin room may rely on: dialogs, saving through services, keyset pages, filters."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apps.core.admin import BackOfficeAdmin, ChoiceFilter
from apps.users.models import User
from tests.core import back_office
from tests.factories.users import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.back_office")]

LIST = "/admin/users/user/"
KEYSET = "/admin/users/keysetuser/"


@pytest.fixture(autouse=True)
def _no_calls(settings: Any) -> None:
    back_office.UserAdmin.calls.clear()
    # The product's sidebar names pages that this small back-office lacks.
    settings.UNFOLD = settings.UNFOLD | {"SIDEBAR": {"navigation": []}}
    settings.BACK_OFFICE_HISTORY = "tests.core.back_office.history_of"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(UserFactory(superuser=True, username="boss"))
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def viewer(client: Client) -> Client:
    """May look at users, nothing else."""

    user = UserFactory(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_user"))
    client.force_login(user)
    return client


def names(response: object) -> list[str]:
    return [row.username for row in response.context["cl"].result_list]  # type: ignore[attr-defined]


def sentences(response: object) -> list[str]:
    return [str(message) for message in response.wsgi_request._messages]  # type: ignore[attr-defined]


# --- dialogs ------------------------------------------------------------------------------------------------------
def test_get_of_a_dialog_shows_the_form_and_runs_nothing(staff: Client) -> None:
    user = UserFactory(username="anna")

    response = staff.get(f"{LIST}{user.pk}/rename/")

    assert response.status_code == 200
    assert "Rename anna?" in response.content.decode()
    user.refresh_from_db()
    assert user.username == "anna"


def test_post_runs_the_handler_and_leads_back(staff: Client) -> None:
    user = UserFactory(username="anna")
    came_from = f"http://testserver{LIST}?q=a"

    response = staff.post(
        f"{LIST}{user.pk}/rename/",
        {"_form_submitted": "on", "name": "berta"},
        headers={"HX-Request": "true", "HX-Current-URL": came_from},
    )

    assert (response.status_code, response.headers["HX-Redirect"]) == (200, came_from)
    assert sentences(response) == ["Renamed."]
    user.refresh_from_db()
    assert user.username == "berta"


def test_dialog_never_leads_to_a_foreign_site(staff: Client) -> None:
    user = UserFactory()

    response = staff.post(
        f"{LIST}{user.pk}/rename/",
        {"_form_submitted": "on", "name": "berta"},
        headers={"HX-Current-URL": "https://evil.example/"},
    )

    assert response.headers["HX-Redirect"] == f"{LIST}{user.pk}/change/"


def test_invalid_dialog_stays_open_and_changes_nothing(staff: Client) -> None:
    user = UserFactory(username="anna")

    response = staff.post(f"{LIST}{user.pk}/rename/", {"_form_submitted": "on", "name": ""})

    assert "HX-Redirect" not in response.headers
    assert "This field is required." in response.content.decode()
    user.refresh_from_db()
    assert user.username == "anna"


def test_refusal_of_a_field_is_shown_at_the_field(staff: Client) -> None:
    user = UserFactory(username="anna")

    response = staff.post(f"{LIST}{user.pk}/rename/", {"_form_submitted": "on", "name": "bad"})

    assert "HX-Redirect" not in response.headers
    assert "Bad name." in response.content.decode()


def test_other_refusals_become_a_message(staff: Client) -> None:
    user = UserFactory()

    response = staff.post(f"{LIST}{user.pk}/refuse/", {"_form_submitted": "on"})

    assert response.headers["HX-Redirect"] == f"{LIST}{user.pk}/change/"
    assert sentences(response) == ["Already done."]


def test_post_without_csrf_token_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory(superuser=True))
    user = UserFactory(username="anna")

    response = client.post(f"{LIST}{user.pk}/rename/", {"_form_submitted": "on", "name": "berta"})

    assert response.status_code == 403
    user.refresh_from_db()
    assert user.username == "anna"


def test_dialog_without_the_permission_is_refused(viewer: Client) -> None:
    user = UserFactory(username="anna")

    response = viewer.post(f"{LIST}{user.pk}/rename/", {"_form_submitted": "on", "name": "berta"})

    assert response.status_code == 403
    user.refresh_from_db()
    assert user.username == "anna"


def test_dialog_of_an_unknown_object_is_not_found(staff: Client) -> None:
    assert staff.get(f"{LIST}987654/rename/").status_code == 404


def test_action_of_the_list_has_no_object(staff: Client) -> None:
    response = staff.post(f"{LIST}count/", {"_form_submitted": "on"})

    assert response.headers["HX-Redirect"] == LIST
    assert sentences(response) == ["1 users, None"]


def test_action_that_does_not_apply_is_not_drawn(staff: Client) -> None:
    active, inactive = UserFactory(), UserFactory(status=User.Status.INACTIVE)

    html = staff.get(LIST).content.decode()

    assert f"{LIST}{active.pk}/rename/" in html
    assert f"{LIST}{inactive.pk}/rename/" not in html
    assert f"{LIST}{inactive.pk}/refuse/" in html
    assert f"{LIST}{inactive.pk}/rename/" not in staff.get(f"{LIST}{inactive.pk}/change/").content.decode()


def test_history_of_an_object_is_one_click_away_where_there_is_one(staff: Client) -> None:
    told, untold = UserFactory(), UserFactory(username="nohistory")

    assert f'href="/history/{told.pk}/"' in staff.get(f"{LIST}{told.pk}/change/").content.decode()
    assert "/history/" not in staff.get(f"{LIST}{untold.pk}/change/").content.decode()
    assert staff.get(f"{LIST}{told.pk}/history/").status_code == 302


# --- saving -------------------------------------------------------------------------------------------------------
def test_adding_goes_through_the_service_and_leads_to_the_new_row(staff: Client) -> None:
    response = staff.post(
        f"{LIST}add/", {"username": "anna", "email": "a@example.com", "status": "active", "_continue": "1"}
    )

    assert back_office.UserAdmin.calls == [("save", "anna", False)]
    assert response.headers["Location"] == f"{LIST}{User.objects.get(username='anna').pk}/change/"
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("name", "shown"), [("taken", ["This name is taken."]), ("bad", ["Bad name.", "Odd."])], ids=["message", "fields"]
)
def test_refused_change_shows_the_form_again(staff: Client, name: str, shown: list[str]) -> None:
    user = UserFactory(username="anna")

    response = staff.post(
        f"{LIST}{user.pk}/change/", {"username": name, "email": "typed@example.com", "status": "active"}
    )

    html = response.content.decode()
    assert response.status_code == 200
    assert all(sentence in html for sentence in shown)
    assert "typed@example.com" in html
    user.refresh_from_db()
    assert user.username == "anna"


def test_refused_deletion_leads_back_with_the_reason(staff: Client) -> None:
    user = UserFactory(username="keep")

    response = staff.post(f"{LIST}{user.pk}/delete/", {"post": "yes"})

    assert response.headers["Location"] == f"{LIST}{user.pk}/change/"
    assert sentences(response) == ["This one stays."]
    assert User.objects.filter(pk=user.pk).exists()


def test_class_that_may_change_needs_a_service() -> None:
    with pytest.raises(TypeError, match="needs perform_save"):
        type("Broken", (BackOfficeAdmin,), {"may_change": True})


def test_bulk_deletion_is_not_offered(staff: Client) -> None:
    UserFactory()

    assert "delete_selected" not in staff.get(LIST).content.decode()


def test_nothing_of_a_request_stays_on_the_admin(staff: Client) -> None:
    admin = back_office.site._registry[User]
    before = dict(vars(admin))

    staff.get(LIST)

    assert vars(admin) == before


# --- lists --------------------------------------------------------------------------------------------------------
def test_choice_filter_takes_one_value_and_ignores_an_empty_one(staff: Client) -> None:
    UserFactory(username="anna", status=User.Status.INACTIVE)

    assert names(staff.get(f"{LIST}?status__exact=inactive")) == ["anna"]
    assert names(staff.get(f"{LIST}?status__exact=&is_staff__exact=")) == ["boss", "anna"]
    assert names(staff.get(f"{LIST}?is_staff__exact=1")) == ["boss"]


def test_date_filter_includes_both_days_in_the_zone_of_the_back_office(staff: Client) -> None:
    for name, moment in {
        "early": "2026-03-01T15:59:59Z",
        "on": "2026-03-01T16:00:00Z",
        "late": "2026-03-02T16:00:00Z",
    }.items():
        user = UserFactory(username=name)
        User.objects.filter(pk=user.pk).update(created_at=dt.datetime.fromisoformat(moment))

    with timezone.override("Asia/Shanghai"):
        response = staff.get(f"{LIST}?created_at_from=2026-03-02&created_at_to=2026-03-02")

    assert names(response) == ["on"]


def test_preset_of_a_filter_holds_until_all_is_chosen(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    UserFactory(username="anna", status=User.Status.INACTIVE)
    preset = type("Preset", (ChoiceFilter,), {"preset": "inactive"})
    monkeypatch.setattr(back_office.UserAdmin, "list_filter", (("status", preset),))

    opened, everybody = staff.get(LIST), staff.get(f"{LIST}?status__exact=")

    assert (names(opened), names(everybody)) == (["anna"], ["boss", "anna"])
    assert "data-bjz-keep" in opened.content.decode()


def test_nonsense_in_a_date_filter_is_no_error(staff: Client) -> None:
    assert staff.get(f"{LIST}?created_at_from=2026-13-77").headers["Location"] == f"{LIST}?e=1"


def test_empty_list_says_what_would_stand_there(staff: Client) -> None:
    html = staff.get(f"{LIST}?q=nobodyhasthisname").content.decode()

    assert "No entry matches" in html
    assert "Nobody here" not in html


def test_keyset_pages_lead_forth_and_back_without_count(
    staff: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    moment = timezone.now()
    for number in range(24):
        user = UserFactory(username=f"u{number:02}")
        # Three share each moment: the id decides.
        User.objects.filter(pk=user.pk).update(created_at=moment - dt.timedelta(minutes=number // 3))
    User.objects.filter(username="boss").update(created_at=moment - dt.timedelta(days=1))
    expected = list(User.objects.order_by("-created_at", "-id").values_list("username", flat=True))

    with django_assert_max_num_queries(6) as queries:
        first = staff.get(KEYSET)
    second = staff.get(KEYSET + first.context["cl"].paginator.older)
    third = staff.get(KEYSET + second.context["cl"].paginator.older)
    back = staff.get(KEYSET + third.context["cl"].paginator.newer)
    start = staff.get(KEYSET + back.context["cl"].paginator.newer)

    assert [names(page) for page in (first, second, third)] == [expected[:10], expected[10:20], expected[20:]]
    assert (names(back), names(start)) == (names(second), names(first))
    assert (first.context["cl"].paginator.newer, third.context["cl"].paginator.older) == ("", "")
    assert start.context["cl"].paginator.newer == ""
    assert not [query["sql"] for query in queries.captured_queries if re.search(r"COUNT\(|OFFSET", query["sql"])]


def test_broken_cursor_is_no_error(staff: Client) -> None:
    assert staff.get(f"{KEYSET}?after=nonsense").headers["Location"] == f"{KEYSET}?e=1"
