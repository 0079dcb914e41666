"""What goes wrong, said in both languages.  Settings and catalogues don't exist yet, so gettext can't help here."""

from __future__ import annotations


class LocalServiceError(Exception):
    """Something a person must know or do, as one Chinese and one English sentence."""

    def __init__(self, chinese: str, english: str, *, details: str = "") -> None:
        super().__init__(f"{chinese}\n{english}")
        self.chinese = chinese
        self.english = english
        self.details = details

    def __str__(self) -> str:
        text = f"{self.chinese}\n{self.english}"
        return f"{text}\n{self.details}" if self.details else text
