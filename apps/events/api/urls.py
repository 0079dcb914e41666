from django.urls import URLPattern, URLResolver, path

from apps.events.api.bouts import BoutResultView
from apps.events.api.live import LiveView
from apps.events.api.public import EventCardView, EventListView, EventView

urlpatterns: list[URLPattern | URLResolver] = [
    path("events", EventListView.as_view(), name="events"),
    path("events/<str:event_id>", EventView.as_view(), name="event"),
    path("events/<str:event_id>/live", LiveView.as_view(), name="event-live"),
    path("bouts/<str:bout_id>/result", BoutResultView.as_view(), name="bout-result"),
]
# The mini-program's addresses of the same reads (decision 9), mounted at /api/.
mini_program_urlpatterns: list[URLPattern | URLResolver] = [
    path("events", EventListView.as_view(), name="mini-program-events"),
    path("events/<str:event_id>", EventCardView.as_view(), name="mini-program-event"),
    path("events/<str:event_id>/live", LiveView.as_view(), name="mini-program-event-live"),
]
