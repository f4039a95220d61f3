"""What each feature of a row adds to its elbo score, where an odd one makes others look odd.

The code of a row is found from all of its features. One value that does not fit leads it astray,
and then features that were as they should be do not fit it: where columns are functions of each
other, one of these may look worst. Hiding the odd one mends all of them. So a feature is hidden if
the score falls by more than any feature adds while nothing is hidden, and another after it as long
as that goes on; where several features are odd together, no single one takes the others with it,
and they stay with what each adds. The score of a row with some of its features absent as a measure
of what these contribute: Takeishi & Kawahara (2020, arXiv:2004.04464).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from model_store.vae import bounds
from model_store.vae.anomaly.statistics import AnomalyStatistics, weigh
from model_store.vae.chunks import row_blocks
from model_store.vae.estimators.elbo import summing_to
from model_store.vae.model import VAE
from model_store.vae.rows import Rows
from model_store.vae.sums import bounded, total

MAX_HIDDEN = 4
"""Features of a row that are hidden at most."""

MAX_TRIED = 16
"""Features that are tried before one is hidden: those that add most."""

_ROWS_AT_ONCE = 256  # of which there are 16 copies at a time


@dataclass(frozen=True, eq=False)
class Attribution:
    """What the elbo score of each row is the sum of, in nats and model units.

    Args:
        contributions: Of hidden features by how much the score fell when they were hidden too, of
            others -E_q log p(y_j | z); 0 where missing.
        kl_divergence: KL(q(z | y_o) || p(z)), o being the features that are not hidden.
    """

    contributions: Float[Tensor, "rows features"]
    kl_divergence: Float[Tensor, " rows"]

    @property
    def score(self) -> Float[Tensor, " rows"]:
        """The elbo score."""
        return self.contributions.sum(dim=1) + self.kl_divergence

    def select(self, rows: Bool[Tensor, " rows"] | slice) -> "Attribution":
        """That of some of the rows."""
        return Attribution(self.contributions[rows], self.kl_divergence[rows])


@torch.inference_mode()
def attribute(
    vae: VAE,
    x: Float[Tensor, "rows *event"],
    statistics: AnomalyStatistics,
    typical: Float[Tensor, " features"],
    *,
    num_samples: int,
    seed: int,
) -> Attribution:
    """What each feature adds to the elbo score, odd ones hidden from the code.

    Of a picture no pixel is hidden: its neighbours say the same, and thousands would have to be
    tried.

    Args:
        vae: The model.
        x: Rows in data units, NaN where a feature is missing.
        statistics: Of these rows.
        typical: What each feature adds in typical rows, in nats.
        num_samples: As of the statistics.
        seed: The same.

    Raises:
        ShapeError, SupportError: x does not fit the model.
    """
    made = Attribution(statistics.contributions, statistics.kl_divergence)
    if len(vae.event_shape) > 1:
        return made
    search = _Search(vae, typical.to(made.contributions), num_samples, seed)
    blocks = vae.to_model_units(x).split(_ROWS_AT_ONCE)
    ends = range(0, max(1, len(made.kl_divergence)), _ROWS_AT_ONCE)
    parts = [made.select(slice(start, start + _ROWS_AT_ONCE)) for start in ends]
    return _together(
        [search.hide(rows, part, MAX_HIDDEN) for rows, part in zip(blocks, parts, strict=True)]
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """Looks for features to hide."""

    vae: VAE
    typical: Float[Tensor, " features"]
    num_samples: int
    seed: int

    def hide(self, rows: Rows, made: Attribution, most: int) -> Attribution:
        """What the score is made of with up to `most` more features hidden, where that pays."""
        if not most or not len(rows):
            return made
        feature = self._most_telling(rows, made)
        left = rows.hide(torch.zeros_like(rows.y, dtype=torch.bool).scatter(1, feature, value=True))
        rest = self._made_of(left)
        gain = (made.score - rest.score).unsqueeze(1)
        most_at_once = self._excess(rows, made).amax(dim=1, keepdim=True)
        pays = (gain - self.typical[feature] >= most_at_once).squeeze(1) & ~left.is_empty
        best = self.hide(left.select(pays), rest.select(pays), most - 1)
        contributions, kl = made.contributions.clone(), made.kl_divergence.clone()
        contributions[pays] = best.contributions.scatter(1, feature[pays], gain[pays])
        kl[pays] = best.kl_divergence
        return Attribution(contributions, kl)

    def _most_telling(self, rows: Rows, made: Attribution) -> Int[Tensor, "rows 1"]:
        """The feature of each row that the score falls most without, beyond what it typically adds.

        At the mean of the code alone, which tells one from another as well as all draws do.
        """
        excess = self._excess(rows, made)
        tried = excess.sort(dim=1, descending=True, stable=True).indices[:, :MAX_TRIED]
        count = tried.shape[1]
        copies = rows.select(torch.arange(len(rows)).repeat_interleave(count))
        hidden = torch.zeros_like(copies.y, dtype=torch.bool).scatter(
            1, tried.reshape(-1, 1), value=True
        )
        scores = torch.cat([self._at_mean(b) for b in row_blocks(self.vae, copies.hide(hidden))])
        scores = scores.view(-1, count) + self.typical[tried]
        scores = scores.masked_fill(excess.gather(1, tried) == -torch.inf, torch.inf)
        return tried.gather(1, scores.argmin(dim=1, keepdim=True))

    def _excess(self, rows: Rows, made: Attribution) -> Float[Tensor, "rows features"]:
        """What features that can be seen add beyond what is typical, -inf for all others."""
        excess = made.contributions - self.typical
        return excess if rows.observed is None else excess.masked_fill(~rows.observed, -torch.inf)

    def _at_mean(self, rows: Rows) -> Float[Tensor, " rows"]:
        """-log p(y, z) / q(z | y) at the mean of q."""
        posterior = self.vae.posterior(rows)
        z = posterior.loc.unsqueeze(0)
        log_prob = total(rows.of_observed(self.vae.likelihood(z).log_prob(rows.y)))
        return bounded(-(log_prob + self.vae.log_ratio(posterior, z)).squeeze(0))

    def _made_of(self, rows: Rows) -> Attribution:
        """What the score of the features that can be seen is made of."""
        return _together([self._of_block(block) for block in row_blocks(self.vae, rows)])

    def _of_block(self, rows: Rows) -> Attribution:
        posterior = self.vae.posterior(rows)
        log_weights, kl, averages = weigh(
            self.vae, rows, posterior, range(self.num_samples), self.seed
        )
        reconstruction = bounds.elbo(log_weights) + kl
        return Attribution(bounded(-summing_to(reconstruction, averages, rows)), bounded(kl))


def _together(parts: Sequence[Attribution]) -> Attribution:
    """Those of rows after rows as one."""
    return Attribution(
        torch.cat([part.contributions for part in parts]),
        torch.cat([part.kl_divergence for part in parts]),
    )
