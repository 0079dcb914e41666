"""Lengths that several tables share (D.1)."""

TITLE_LENGTH = 255
URL_LENGTH = 512
