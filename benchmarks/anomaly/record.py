"""What was measured, kept line by line in a file: a run that was broken off goes on there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import orjson
from pydantic import TypeAdapter

Figures = TypeVar("Figures")


@dataclass(frozen=True, eq=False)
class Part(Generic[Figures]):
    """What is measured of one thing and one seed.

    Args:
        name: As `--only` has it.
        adapter: From the figures to JSON and back.
    """

    name: str
    adapter: TypeAdapter[Figures]

    def line(self, of: str, seed: int, figures: Figures) -> str:
        """These figures as the record keeps them."""
        told = self.adapter.dump_python(figures, mode="json")
        return orjson.dumps({"part": self.name, "of": of, "seed": seed, "figures": told}).decode()


class Record:
    """Lines of figures, the last of each part, thing and seed.

    Args:
        path: A file of JSON lines, which need not be there yet; none keeps nothing.
        afresh: Names of the parts whose lines are not to be believed any more.
    """

    def __init__(self, path: Path | None, afresh: Iterable[str] = ()) -> None:
        self._path = path
        self._lines: dict[tuple[str, str, int], str] = {}
        if path is not None and path.exists():
            self._take(path.read_text().splitlines())
        stale = set(afresh)
        self._lines = {key: line for key, line in self._lines.items() if key[0] not in stale}

    def add(self, lines: Iterable[str]) -> None:
        """Keeps them; what was there of the same part, thing and seed is replaced."""
        self._take(lines)
        if self._path is not None:
            ordered = [self._lines[key] for key in sorted(self._lines)]
            self._path.write_text("".join(f"{line}\n" for line in ordered))

    def has(self, part: str, of: str, seed: int) -> bool:
        """Whether that is measured."""
        return (part, of, seed) in self._lines

    def of_each(
        self, part: Part[Figures], things: Iterable[str], seeds: Sequence[int]
    ) -> dict[str, list[Figures]]:
        """The figures of the things that are measured, of each seed that is, by name."""
        of_things = {name: self._of(part, name, seeds) for name in things}
        return {name: of_seeds for name, of_seeds in of_things.items() if of_seeds}

    def _of(self, part: Part[Figures], of: str, seeds: Iterable[int]) -> list[Figures]:
        kept = (self._lines.get((part.name, of, seed)) for seed in seeds)
        lines = (orjson.loads(line) for line in kept if line is not None)
        return [part.adapter.validate_python(line["figures"]) for line in lines]

    def _take(self, lines: Iterable[str]) -> None:
        for line in lines:
            entry = orjson.loads(line)
            self._lines[entry["part"], entry["of"], entry["seed"]] = line
