"""Servers that do not give the same numbers are not compared."""

import httpx
import numpy as np

from benchmarks.questions import ELBO, JSON, Sent, rows_of
from benchmarks.servers import Server


def check_agreement(*servers: Server) -> None:
    """Each must give the elbo, and its parts, of the first.

    Raises:
        AssertionError: one does not.
    """
    answers = [_answer(server) for server in servers]
    for answer in answers[1:]:
        for term in ("elbo", "reconstruction", "kl_divergence"):
            np.testing.assert_allclose(answers[0][term], answer[term], rtol=1e-5)


def _answer(server: Server) -> dict[str, list[float]]:
    sent = Sent.of(rows_of(256), ELBO, JSON)
    headers = {"Content-Type": sent.media_type}
    response = httpx.post(server.url + sent.path, content=sent.body, headers=headers, timeout=60)
    answer: dict[str, list[float]] = response.raise_for_status().json()
    return answer
