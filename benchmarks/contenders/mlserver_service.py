"""The elbo route on MLServer, as a custom handler of a runtime of its own: `ROOT PORT`."""

import asyncio
import sys
from pathlib import Path

import mlserver
import torch
from mlserver.handlers import custom_handler

from benchmarks.measured_model import NAME
from benchmarks.plain_elbo import ElboAnswer, ElboRequest, answer
from model_store.store import FolderStore


class Elbo(mlserver.MLModel):
    """One model in the server's own process."""

    async def load(self) -> bool:
        """Reads the weights."""
        torch.set_num_threads(1)
        root = Path(str(self.settings.parameters.uri))
        self._vae = FolderStore(root).read(NAME, 1).build()
        return True

    @custom_handler(rest_path=f"/v1/models/{NAME}/elbo")
    async def elbo(self, body: ElboRequest) -> ElboAnswer:
        """The naive route's answer."""
        return answer(self._vae, body)


async def serve(root: str, port: int) -> None:
    """Until the process is ended."""
    settings = mlserver.Settings(
        host="127.0.0.1",
        http_port=port,
        grpc_port=port + 100,
        metrics_port=port + 200,
        parallel_workers=0,
        debug=False,
    )
    model = mlserver.ModelSettings(
        name=NAME,
        implementation=Elbo,
        parameters=mlserver.settings.ModelParameters(uri=root),
    )
    await mlserver.MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
