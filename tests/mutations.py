"""Bodies that were right once: bits turned, pieces lost or doubled, stumbling blocks put in."""

import struct

from hypothesis import strategies as st

_STUMBLING_BLOCKS = (
    b"\xef\xbb\xbf",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    "\u2028\u0661\u200f".encode(),
    b"\r",
    b'"',
    b"[" * 2000,
    b'{"":' * 2000,
    b"1" * 400,
    b"1e999",
    b"-0",
    b"NaN",
    b"null",
    b"[],",
    b'"inputs":[[1,2]],',
    b"18446744073709551616",
    # Lengths of headers and axes that lie.
    struct.pack("<Q", 2**63),
    struct.pack("<Q", 100_000_000),
    b"9007199254740993",
    b"F64",
    b"BOOL",
)


@st.composite
def mutated(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """One of the bodies after up to three accidents."""
    body = draw(bodies)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        stop = draw(st.integers(start, min(start + 8, len(body))))
        put = draw(
            st.sampled_from(_STUMBLING_BLOCKS)
            | st.binary(max_size=3)
            | st.just(body[start:stop] * 2)
            | st.integers(0, 7).map(lambda bit: bytes(b ^ 1 << bit for b in body[start:stop]))  # noqa: B023
        )
        body = body[:start] + put + body[stop:]
    return body if draw(st.integers(0, 7)) else body[: draw(st.integers(0, len(body)))]
