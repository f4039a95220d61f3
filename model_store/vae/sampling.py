"""Log weights, drawn until each row has enough of them."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

# Log weights (samples, rows) of these rows, for the samples with these numbers.
Draw = Callable[[Int[Tensor, " rows"], range], Float[Tensor, "k rows"]]
Enough = Callable[[Float[Tensor, "k rows"]], Bool[Tensor, " rows"]]


def draw_until(
    enough: Enough, draw: Draw, rows: Int[Tensor, " rows"], *, num_samples: int, max_samples: int
) -> Iterator[tuple[Int[Tensor, " rows"], Float[Tensor, "k rows"]]]:
    """The rows with their log weights, group by group, as many for each row of a group.

    Every row gets `num_samples`. Those that do not have enough get twice as many, the old ones
    among them, again and again up to `max_samples`. What a row gets depends on that row alone.
    """
    log_weights = draw(rows, range(num_samples))
    while (drawn := log_weights.shape[0]) < max_samples:
        done = enough(log_weights)
        if bool(done.any()):
            yield rows[done], log_weights[:, done]
        if bool(done.all()):
            return
        rows, log_weights = rows[~done], log_weights[:, ~done]
        more = draw(rows, range(drawn, min(2 * drawn, max_samples)))
        log_weights = torch.cat([log_weights, more])
    yield rows, log_weights
