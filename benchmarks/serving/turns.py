"""How often and how long each contender is measured."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.comparison import in_turns
from benchmarks.load import Load, load_of
from benchmarks.questions import Sent
from benchmarks.servers import Server

OURS_PORT = 18_411
THEIRS_PORT = 18_412


@dataclass(frozen=True)
class Turns:
    """So many turns of so many seconds."""

    rounds: int
    seconds: int

    def load_of(self, server: Server, sent: Sent, *, connections: int) -> Load:
        """One turn of a server."""
        return load_of(server, sent, connections=connections, seconds=self.seconds)

    def measure(
        self, ours: Callable[[], float], theirs: Callable[[], float]
    ) -> tuple[list[float], list[float]]:
        """Both in every round."""
        return in_turns(ours, theirs, rounds=self.rounds)

    def throughput(
        self, ours: Server, theirs: Server, sent: Sent, *, connections: int
    ) -> tuple[list[float], list[float]]:
        """Requests per second of two servers."""
        return self.measure(
            lambda: self.load_of(ours, sent, connections=connections).requests_per_second,
            lambda: self.load_of(theirs, sent, connections=connections).requests_per_second,
        )
