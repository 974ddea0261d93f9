"""Bodies of uploads become blobs as they arrive, a piece at a time: raw, or the parts of a multipart form."""

import re
import urllib.parse

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from trackside.errors import InvalidRequest
from trackside.safe import file_keys
from trackside.server.store.blobs import Blobs, Writer

_BOUNDARY = re.compile(r"""multipart/form-data\s*;.*?boundary=(?:"([^"]+)"|([^;\s]+))""", re.IGNORECASE)
# a browser's way, and requests': no escapes but %22, which stays as it is because the name is kept verbatim
_NAME = re.compile(r'(?:^|;)\s*name="([^"]*)"')
_EXTENDED_NAME = re.compile(r"(?:^|;)\s*name\*=utf-8''([^;\s]+)", re.IGNORECASE)
_FILE = re.compile(r"(?:^|;)\s*filename\*?=")


class Part(msgspec.Struct):
    """One file of a form, being written."""

    key: str
    writer: Writer
    content_type: str | None = None


class Form:
    """Writes the file parts of a multipart body; other fields are ignored. `feed` and the rest block on the disk.

    Args:
        prefix: cut off the names, where they have it.
    """

    def __init__(self, blobs: Blobs, content_type: str, prefix: str = "") -> None:
        found = _BOUNDARY.match(content_type)
        if found is None:
            raise InvalidRequest("send files as multipart/form-data, or as the body of PUT /files/<name>")
        self.parts: list[Part] = []
        self._blobs = blobs
        self._prefix = prefix
        self._headers: dict[str, bytes] = {}
        self._field = b""
        self._value = b""
        self._current: Part | None = None
        self._ended = False
        self._parser = MultipartParser(
            found[1] or found[2],
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._open,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        """
        Raises:
            InvalidRequest: this is no multipart body, or a part's name cannot be one.
        """  # noqa: D212 - there is nothing else to say
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise InvalidRequest(f"the multipart body is malformed ({error})") from error

    def finish(self) -> list[Part]:
        """
        Raises:
            InvalidRequest: the body ended early, or held no file.
        """  # noqa: D212 - there is nothing else to say
        if not self._ended:
            raise InvalidRequest("the multipart body ended before its last boundary")
        if not self.parts:
            raise InvalidRequest("the form holds no file; the field's name is the name to store it under")
        return self.parts

    def abort(self) -> None:
        for part in self.parts:
            part.writer.abort()

    def _begin(self) -> None:
        self._headers, self._current = {}, None

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.decode("latin-1").lower()] = self._value
        self._field = self._value = b""

    def _open(self) -> None:
        key = self._key()
        if key is None:
            return
        content_type = self._headers.get("content-type")
        self._current = Part(key, self._blobs.begin(), content_type.decode("latin-1") if content_type else None)
        self.parts.append(self._current)

    def _key(self) -> str | None:
        try:
            disposition = self._headers.get("content-disposition", b"").decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest("a file name must be valid UTF-8") from error
        if not _FILE.search(disposition):
            return None
        if plain := _NAME.search(disposition):
            name = plain[1]
        elif extended := _EXTENDED_NAME.search(disposition):
            name = urllib.parse.unquote(extended[1])
        else:
            return None
        return file_keys.checked(name.lstrip("/").removeprefix(self._prefix))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._current is not None:
            self._current.writer.write(memoryview(data)[start:end])

    def _end(self) -> None:
        self._ended = True
