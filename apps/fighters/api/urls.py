from django.urls import URLPattern, URLResolver, path

from apps.fighters.api.public import FighterSearchView, FighterView

urlpatterns: list[URLPattern | URLResolver] = [
    path("fighters/search", FighterSearchView.as_view(), name="fighters-search"),
    path("fighters/<str:fighter_id>", FighterView.as_view(), name="fighter"),
]
# The mini-program's addresses of the same reads (decision 9), mounted at /api/.
mini_program_urlpatterns: list[URLPattern | URLResolver] = [
    path("fighters/search", FighterSearchView.as_view(), name="mini-program-fighters-search"),
    path("fighters/<str:fighter_id>", FighterView.as_view(), name="mini-program-fighter"),
]
