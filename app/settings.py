"""Everything an operator can set: one frozen record, read once from the environment (VAE_*)."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Positive = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """Where the models are, where to listen, and how much one request may ask for.

    Every limit is a field with its unit in its name; a request beyond one is answered 413.

    Attributes:
        store: Folder of the models.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        workers: Processes that answer; they share the memory of the weights.
        max_body_bytes: Largest request body.
        max_rows: Most rows in a request.
        max_samples: Largest `num_samples` (and `steps`).
        max_row_samples: Largest product of rows and samples, which is what the work costs.
        max_elements: Largest array of numbers held at once for one request: 64 M take 256 MiB.
        max_seconds: Longest that an answer is worked on.
        threads_per_batch: Threads torch spreads one batch over; by default the share of the cores
            that the process may use, up to four.
        drift_path: Folder in which what was seen of p-values is kept when the service ends; it is
            forgotten if there is none. No two services may share one.
        drain_seconds: How long requests in flight may take after SIGTERM.
        log_level: Least severe messages that are logged.
        access_log: Whether every request is logged.
    """

    model_config = SettingsConfigDict(env_prefix="VAE_", frozen=True, extra="ignore")

    store: Path = Path("models")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    workers: Positive = 1

    max_body_bytes: Positive = 64 * 2**20
    max_rows: Positive = 100_000
    max_samples: Positive = 10_000
    max_row_samples: Positive = 4_000_000
    max_elements: Positive = 2**26

    max_seconds: Positive = 300

    threads_per_batch: Positive | None = None

    drift_path: Path | None = None

    drain_seconds: Positive = 30
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    access_log: bool = False
