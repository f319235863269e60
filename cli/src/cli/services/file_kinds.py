"""What kind of file some bytes are, by how they begin. This file opens nothing."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of file. name: as in `a PNG image`. is_image: whether models that see may take it."""

    name: str
    is_image: bool = False


_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", Kind("a PNG image", is_image=True)),
    (b"\xff\xd8\xff", Kind("a JPEG image", is_image=True)),
    (b"GIF8", Kind("a GIF image", is_image=True)),
    (b"BM", Kind("a BMP image", is_image=True)),
    (b"%PDF-", Kind("a PDF document")),
    (b"PK\x03\x04", Kind("a ZIP archive (or a document that is one, as .docx and .xlsx are)")),
    (b"PK\x05\x06", Kind("an empty ZIP archive")),
    (b"GGUF", Kind("a GGUF model")),
    (b"\x1f\x8b", Kind("gzip data")),
    (b"BZh", Kind("bzip2 data")),
    (b"\xfd7zXZ\x00", Kind("xz data")),
    (b"\x28\xb5\x2f\xfd", Kind("zstd data")),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7z archive")),
    (b"Rar!\x1a\x07", Kind("a RAR archive")),
    (b"\x7fELF", Kind("a program (ELF)")),
    (b"\xca\xfe\xba\xbe", Kind("a Java class or a program (Mach-O)")),
    (b"\xcf\xfa\xed\xfe", Kind("a program (Mach-O)")),
    (b"SQLite format 3\x00", Kind("a SQLite database")),
    (b"OggS", Kind("Ogg audio")),
    (b"ID3", Kind("MP3 audio")),
    (b"fLaC", Kind("FLAC audio")),
    (b"II*\x00", Kind("a TIFF image")),
    (b"MM\x00*", Kind("a TIFF image")),
    (b"PAR1", Kind("a Parquet table")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind("an old Office document")),
    (b"{\\rtf", Kind("an RTF document")),
)
_IN_RIFF = {b"WEBP": Kind("a WebP image", is_image=True), b"WAVE": Kind("WAV audio"), b"AVI ": Kind("an AVI video")}
_IN_BOX = {b"heic": Kind("a HEIC image"), b"heix": Kind("a HEIC image"), b"avif": Kind("an AVIF image")}


def kind_of(data: bytes) -> Kind | None:
    """The kind of file that begins with these bytes; None where it may be text, or nothing known.

    A beginning of letters alone could be that of a text, so what follows has to hold what no text does.
    """
    if data[:4] == b"RIFF":
        return _IN_RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _IN_BOX.get(data[8:12], Kind("an MP4 video"))
    if data[257:262] == b"ustar":
        return Kind("a tar archive")
    for beginning, kind in _BEGINNINGS:
        if data.startswith(beginning) and (not beginning.isalnum() or _is_binary(data)):
            return kind
    return None


def may_be_text(data: bytes) -> bool:
    """Whether a file that begins with these bytes may be text: in UTF-8, or in UTF-16 with its byte order mark."""
    return data.startswith((b"\xff\xfe", b"\xfe\xff")) or (kind_of(data) is None and not _is_binary(data))


def _is_binary(data: bytes) -> bool:
    return any(byte < 9 or 13 < byte < 27 for byte in data[:1024])
