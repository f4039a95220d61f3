"""Tensor work for several requests at once, done while everybody waits or not at all."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from torch import Tensor

from app.inference import BRIEF_WORK, Inference
from app.loaded_model import LoadedModel
from app.metrics import Metrics

Answer = TypeVar("Answer")


class TooManyTogetherError(Exception):
    """Requests that cannot be answered at once, together.

    Args:
        most_rows: Of as many rows they could be; 0 if not even one could.
    """

    def __init__(self, most_rows: int) -> None:
        super().__init__(most_rows)
        self.most_rows = most_rows


class BriefInference:
    """In the place of `Inference`, for an endpoint that is asked about the rows of many requests.

    Args:
        inference: Whose limits hold for each of the requests.
        metrics: Is told of questions and batches.
        rows: How many each request has.
    """

    def __init__(self, inference: Inference, metrics: Metrics, rows: Sequence[int]) -> None:
        self._inference = inference
        self._metrics = metrics
        self._rows = rows

    def most_samples(self, model: LoadedModel, *, refine: int = 0) -> int:
        """Most samples that a request of one row can ask for, with so many steps of refinement."""
        return self._inference.most_samples(model, refine=refine)

    async def run(
        self,
        question: Callable[..., Answer],
        model: LoadedModel,
        arrays: Mapping[str, Tensor],
        **options: Hashable,
    ) -> Answer:
        """The answer about all rows, as `Inference.run` gives it.

        Raises:
            TooManyTogetherError: it would take too long, or a request is too large.
            InputError: a row the model does not allow.
        """
        ask = self._inference.ask_of(question, model, tuple(arrays), tuple(options.items()))
        most_rows, work = ask.allowance
        together = sum(self._rows)
        if together * work > BRIEF_WORK or max(self._rows) > most_rows:
            raise TooManyTogetherError(min(BRIEF_WORK // work, most_rows))
        began = time.perf_counter()
        answer: Answer = ask(arrays.values())
        self._metrics.batch_computed(together, time.perf_counter() - began)
        self._metrics.questions_answered(model.name, model.version, self._rows)
        return answer
