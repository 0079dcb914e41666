"""A route whose contract can't be told."""

from django.urls import path

from tests.core.test_openapi import Unclear

urlpatterns = [path("api/v1/unclear", Unclear.as_view())]
