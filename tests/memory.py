"""How much memory a decoder takes at its worst moment."""

from pathlib import Path

from torch import Tensor

from app.errors import AppError
from tests.codecs import DECODERS, TAKEN


def growth(decoder: str, before: bytes, unit: bytes, after: bytes, size: int) -> float:
    """Times its body that a decoder takes beside it, and beside the tensors that it returns.

    Args:
        decoder: One of `tests.codecs.DECODERS`.
        before: How the body begins.
        unit: What it repeats.
        after: How it ends.
        size: About how many bytes it has.
    """
    body = before + unit * (size // len(unit)) + after
    # What is loaded with the first use is no body's.
    for taken in TAKEN[decoder]:
        DECODERS[decoder](taken)
    # The kernel forgets the largest size so far.
    Path("/proc/self/clear_refs").write_text("5")
    resident = _bytes_of("VmRSS")
    try:
        decoded = DECODERS[decoder](body)
    except AppError:
        decoded = {}
    returned = sum(v.nbytes for v in decoded.values() if isinstance(v, Tensor))
    return (_bytes_of("VmHWM") - resident - returned) / len(body)


def _bytes_of(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024
