"""What a file is, by its content: the name only has to agree (decision 25).

Pictures, PDF, plain text and CSV, and the Office formats without macros.  Archives, programs, HTML and whatever nobody
knows may not be attached.
"""

from __future__ import annotations

import zipfile
from pathlib import PurePath

from django.core.files.base import File

HEAD_BYTES = 4096
_OFFICE = "application/vnd.openxmlformats-officedocument"
# Ending → what the content must be.
_EXPECTED = {
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
}
_SIGNATURES = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_OFFICE_FOLDERS = {
    "word/": _EXPECTED[".docx"],
    "xl/": _EXPECTED[".xlsx"],
    "ppt/": _EXPECTED[".pptx"],
}
_TEXTS = ("text/plain", "text/csv")
# A zip with more entries than this is no letter.
MAX_ZIP_ENTRIES = 5_000


def kind_of(name: str, head: bytes, file: File[bytes]) -> str:
    """The media type, or nothing when the file may not be attached or is not what its name says."""
    expected = _EXPECTED.get(PurePath(name).suffix.lower(), "")
    if expected in _TEXTS:
        return expected if _is_text(file) else ""
    return expected if expected and _found(head, file) == expected else ""


def _found(head: bytes, file: File[bytes]) -> str:
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return _office(file) if head.startswith(b"PK\x03\x04") else ""


def _office(file: File[bytes]) -> str:
    """Only the list of entries is read; nothing is unpacked."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError):
        return ""
    if len(names) > MAX_ZIP_ENTRIES or "[Content_Types].xml" not in names:
        return ""
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        return ""
    return next((kind for folder, kind in _OFFICE_FOLDERS.items() if any(n.startswith(folder) for n in names)), "")


def _is_text(file: File[bytes]) -> bool:
    """UTF-8 or GB 18030 (what Excel writes in China) without zero bytes."""
    file.seek(0)
    content = file.read()
    if b"\0" in content:
        return False
    for encoding in ("utf-8", "gb18030"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False
