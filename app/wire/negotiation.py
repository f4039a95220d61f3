"""Which media type an answer has: the one that the Accept header likes best (RFC 9110, 12.5.1)."""

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class _Range:
    """One of the header's media ranges.

    Args:
        pattern: `type/subtype`, `type/*` or `*/*`.
        quality: From 0, never, to 1.
        position: How many ranges stand before it.
    """

    pattern: str
    quality: float
    position: int

    @property
    def specificity(self) -> int:
        return 2 - self.pattern.count("*")

    def holds(self, media_type: str) -> bool:
        kind = media_type.partition("/")[0]
        return self.pattern in {media_type, f"{kind}/*", "*/*"}

    @property
    def rank(self) -> tuple[float, int, int]:
        """Higher is liked better; what is named is meant before what is only included."""
        return self.quality, self.specificity, -self.position


@lru_cache(maxsize=256)
def accepted(accept: str, offered: tuple[str, ...]) -> str | None:
    """The media type to answer in, or None if nothing that is offered is accepted.

    Args:
        accept: The header; without one, everything is accepted.
        offered: What there is, the default first.
    """
    parts = [part for part in accept.split(",") if part.strip()]
    if not parts:
        return offered[0]
    ranges = [_range(part, position) for position, part in enumerate(parts)]
    ranks: dict[str, tuple[float, int, int]] = {}
    for media_type in offered:
        holding = [each for each in ranges if each.holds(media_type)]
        if holding:
            ranks[media_type] = max(holding, key=lambda each: each.specificity).rank
    best = max(ranks, key=lambda media_type: ranks[media_type], default=None)
    return best if best is not None and ranks[best][0] > 0 else None


def _range(part: str, position: int) -> _Range:
    pattern, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weights = [text[2:] for text in parameters if text.startswith("q=")]
    return _Range(pattern, _quality(weights[0]) if weights else 1.0, position)


def _quality(text: str) -> float:
    """The weight; a header that does not say it rightly is taken to mean it."""
    return float(text) if text.replace(".", "", 1).isdecimal() and text.isascii() else 1.0
