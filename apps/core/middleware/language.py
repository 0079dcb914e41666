"""Language of an answer: the API follows Accept-Language alone, pages also the cookie of the language switch."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

API_PREFIX = "/api/"
VARY = "Accept-Language"


class LanguageMiddleware:
    """Activates the language and says so (Content-Language, Vary)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(API_PREFIX):
            language = accepted_language(request.META.get("HTTP_ACCEPT_LANGUAGE", ""))
        else:
            language = translation.get_language_from_request(request)
        translation.activate(language)
        request.LANGUAGE_CODE = language
        response = self.get_response(request)
        if response.headers.get("Vary") != VARY:
            patch_vary_headers(response, (VARY,))
        response.headers.setdefault("Content-Language", language)
        return response


@lru_cache(maxsize=256)
def accepted_language(header: str) -> str:
    """The best of our languages for an Accept-Language header; Simplified Chinese when nothing fits (decision 5)."""
    for code, _ in parse_accept_lang_header(header[:500]):
        if code == "*":
            break
        try:
            return translation.get_supported_language_variant(code)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE
