"""The elbo route on BentoML; the folder of the model is the variable BENCHMARK_STORE."""

import os
from pathlib import Path

import bentoml
import torch

from benchmarks.measured_model import NAME
from benchmarks.plain_elbo import ElboAnswer, ElboRequest, answer
from model_store.store import FolderStore


@bentoml.service(workers=1)
class Elbo:
    """One model in one worker."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self._vae = FolderStore(Path(os.environ["BENCHMARK_STORE"])).read(NAME, 1).build()

    @bentoml.api(route=f"/v1/models/{NAME}/elbo")
    async def elbo(
        self, inputs: list[list[float]], num_samples: int = 1, seed: int = 0
    ) -> ElboAnswer:
        """The naive route's answer."""
        return answer(self._vae, ElboRequest(inputs=inputs, num_samples=num_samples, seed=seed))
