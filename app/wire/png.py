"""PNG out (ISO/IEC 15948): grey or RGB pictures of 8 bits, made a line at a time.

zlib does all the work there is. Pillow would do the same in one call, but it is ten libraries of
decoders in an image that reads no picture, and it takes a picture whole.
"""

import struct
import zlib
from collections.abc import Iterable

MEDIA_TYPE = "image/png"

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 3: 2}
_AS_IT_IS, _DIFFERENCE_TO_LINE_ABOVE = b"\x00", b"\x02"


def encode(width: int, height: int, channels: int, lines: Iterable[tuple[bytes, int]]) -> bytes:
    """A picture.

    Args:
        width: Pixels in a line.
        height: Lines, with their repetitions.
        channels: Bytes of a pixel: 1 is grey, 3 are red, green and blue.
        lines: From the top on, each with how often it stands in the picture.
    """
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    compressor = zlib.compressobj()
    repetition = _DIFFERENCE_TO_LINE_ABOVE + bytes(width * channels)
    data = []
    for line, times in lines:
        data.append(compressor.compress(_AS_IT_IS + line))
        data.extend(compressor.compress(repetition) for _ in range(times - 1))
    data.append(compressor.flush())
    chunks = ((b"IHDR", header), (b"IDAT", b"".join(data)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, content) for name, content in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(name))
    return b"".join((struct.pack(">I", len(content)), name, content, struct.pack(">I", check)))
