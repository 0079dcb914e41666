"""Django middleware of the web process, in the order of settings.MIDDLEWARE."""
