"""The elbo route on LitServe, requests batched as it does it: `ROOT PORT`."""

import sys
from pathlib import Path
from typing import Any

import litserve
import torch

from benchmarks.measured_model import NAME
from benchmarks.plain_elbo import ElboAnswer, ElboRequest, answer
from model_store.store import FolderStore
from model_store.vae.model import VAE

Body = dict[str, Any]


class ElboApi(litserve.LitAPI):
    """One model; the rows of a batch are scored together."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's interface
        """Reads the weights in the process that computes."""
        torch.set_num_threads(1)
        root = Path(sys.argv[1])
        self._vae: VAE = FolderStore(root).read(NAME, 1).build()

    def decode_request(self, request: Body) -> list[list[float]]:
        """The rows."""
        inputs: list[list[float]] = request["inputs"]
        return inputs

    def batch(self, inputs: list[list[list[float]]]) -> list[list[list[float]]]:
        """Requests as they came."""
        return inputs

    def predict(self, batch: list[list[list[float]]]) -> list[Body]:
        """All rows at once, and to each request its own."""
        together = ElboRequest(inputs=[row for rows in batch for row in rows])
        found = answer(self._vae, together)
        parts, start = [], 0
        for rows in batch:
            stop = start + len(rows)
            parts.append(ElboAnswer(**{n: v[start:stop] for n, v in found}).model_dump())
            start = stop
        return parts

    def unbatch(self, output: list[Body]) -> list[Body]:
        """Answers in the order of the requests."""
        return output

    def encode_response(self, output: Body) -> Body:
        """As it is."""
        return output


def main() -> None:
    """Serve the store given first on the port given second."""
    api = ElboApi(max_batch_size=64, batch_timeout=0.0, api_path=f"/v1/models/{NAME}/elbo")
    server = litserve.LitServer(api, accelerator="cpu", healthcheck_path="/readyz")
    server.run(
        host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning"
    )


if __name__ == "__main__":
    main()
