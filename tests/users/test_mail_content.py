"""What may be sent: addresses, sizes, header injection, kinds of files by their content (decision 25)."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.core.files.base import ContentFile

from apps.core.errors import Invalid
from apps.users.services.mail import MAX_ATTACHMENT_BYTES, Mail, checked
from apps.users.services.mail.content import check_request_id

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
PDF = b"%PDF-1.7\n" + b"x" * 100


def mail(**changes: object) -> Mail:
    fields: dict[str, object] = {"to": ["lin@example.com"], "subject": "Weigh-in", "text": "At noon."}
    return Mail(**{**fields, **changes})  # type: ignore[arg-type]


def refused(**changes: object) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        checked(mail(**changes))
    return [(error.field, error.code) for error in caught.value.errors]


def office(folder: str, *more: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("[Content_Types].xml", f"{folder}/document.xml", *more):
            archive.writestr(name, "<x/>")
    return stream.getvalue()


def test_a_good_message_passes_and_nobody_is_written_to_twice() -> None:
    good = checked(mail(to=["Lin@example.com", " lin@EXAMPLE.com"], cc=["lin@example.com", "wu@example.com"]))

    assert (good.to, good.cc) == (["Lin@example.com"], ["wu@example.com"])


@pytest.mark.parametrize(
    "address",
    [
        "",
        "lin",
        "lin@example.com\nBcc: victim@example.com",
        "lin@example.com\r\n",
        "lin@example.com, wu@example.com",
        "Lin <lin@example.com>",
        "林@example.com",
        "lin@example.com\u2028",
        "a" * 250 + "@example.com",
    ],
)
def test_what_is_no_plain_address_is_refused(address: str) -> None:
    assert refused(to=["wu@example.com", address]) == [("to.1", "invalid_address")]
    assert refused(cc=[address]) == [("cc.0", "invalid_address")]


@pytest.mark.parametrize(
    "subject", ["Hi\nBcc: victim@example.com", "Hi\r\n\r\nbody", "Hi\0", "Hi\x0b", "Hi\u2028there", "Hi\ud83d"]
)
def test_a_subject_can_not_begin_another_header(subject: str) -> None:
    assert refused(subject=subject) == [("subject", "control_characters")]


def test_all_lines_together_hold_fifty_addresses() -> None:
    people = [f"lin{number}@example.com" for number in range(51)]

    assert len(checked(mail(to=people[:30], cc=people[30:50])).cc) == 20
    assert refused(to=people[:30], cc=people[30:]) == [("cc", "too_many")]
    assert refused(to=people) == [("to", "too_many")]
    assert refused(to=people[:1], cc=people) == [("cc", "too_many")]


def test_everything_wrong_is_named_at_once() -> None:
    assert refused(to=[], subject=" ", text="", cc=["x"] * 51) == [
        ("to", "required"),
        ("cc", "too_many"),
        ("subject", "required"),
        ("body", "required"),
    ]
    assert refused(subject="x" * 256, text="x\0", html="x" * (512 * 1024 + 1)) == [
        ("subject", "too_long"),
        ("body", "control_characters"),
        ("html", "too_long"),
    ]
    assert refused(text="张" * 100_000) == [("body", "too_long")]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("card.png", PNG, "image/png"),
        ("card.PDF", PDF, "application/pdf"),
        ("card.jpeg", b"\xff\xd8\xff\xe0" + b"x" * 20, "image/jpeg"),
        ("card.gif", b"GIF89a" + b"x" * 20, "image/gif"),
        ("card.webp", b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        ("名单.txt", "选手名单\n".encode(), "text/plain"),
        ("card.csv", "姓名,公斤\n".encode("gb18030"), "text/csv"),
        ("card.xlsx", office("xl"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("card.docx", office("word"), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ],
)
def test_a_file_is_what_its_content_says(name: str, content: bytes, kind: str) -> None:
    [file] = checked(mail(attachments=[ContentFile(content, name=name)])).attachments

    assert (file.content_type, file.size, file.filename) == (kind, len(content), name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("card.png", PDF),
        ("card.pdf", b"MZ\x90\0" + b"x" * 40),
        ("card.exe", b"MZ\x90\0"),
        ("card.txt", b"abc\0def"),
        ("card.html", b"<script>"),
        ("card.zip", office("xl")),
        ("card.xlsx", office("word")),
        ("card.docx", office("word", "word/vbaProject.bin")),
        ("card.docx", b"PK\x03\x04 not a zip at all"),
        ("card", PNG),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(name: str, content: bytes) -> None:
    assert refused(attachments=[ContentFile(content, name=name)]) == [("attachments.0", "type_not_allowed")]


def test_files_have_names_contents_and_limits() -> None:
    assert refused(attachments=[ContentFile(b"", name="a.txt")]) == [("attachments.0", "empty")]
    for name in ("../a.txt", "a\r\nX: y.txt", "a" * 200 + ".txt"):
        assert refused(attachments=[ContentFile(b"x", name=name)]) == [("attachments.0", "invalid_name")]
    assert refused(attachments=[ContentFile(b"x", name="a.txt")] * 21) == [("attachments", "too_many")]
    half = ContentFile(b"x" * (MAX_ATTACHMENT_BYTES // 2), name="a.txt")
    assert len(checked(mail(attachments=[half, half])).attachments) == 2
    assert refused(attachments=[half, half, ContentFile(b"x", name="b.txt")]) == [("attachments", "too_large")]


@pytest.mark.parametrize("request_id", ["a b", "", "x" * 129, "a\n", "号"])
def test_a_request_id_is_plain(request_id: str) -> None:
    with pytest.raises(Invalid):
        check_request_id(request_id)


def test_two_messages_have_one_digest_only_if_they_say_the_same() -> None:
    files = [ContentFile(PNG, name="a.png")]
    same = checked(mail(attachments=files)).digest == checked(mail(attachments=files)).digest
    assert same
    others = [mail(), mail(text="At one."), mail(to=["wu@example.com"]), mail(attachments=files)]
    assert len({checked(one).digest for one in others}) == 4
