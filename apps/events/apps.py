from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class EventsConfig(AppConfig):
    name = "apps.events"
    label = "events"
    verbose_name = pgettext_lazy("sports", "Events")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Fighters stand below: what we add to their profiles, what of ours stands there, and what we
        forget when one changes.  The hub too."""
        from apps.events.cache import forget_cards_of_fighters
        from apps.events.services import imports, profile, releasing
        from apps.events.services.touching import touch_cards_of_fighters
        from apps.fighters.registry import register_change_listener
        from apps.taskhub.registry import register_run_listener

        profile.register()
        releasing.register()
        register_change_listener(forget_cards_of_fighters)
        register_change_listener(touch_cards_of_fighters, on_counts=False)
        register_run_listener(imports.LISTENER)
