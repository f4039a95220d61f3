"""What a checkpoint says of its calibration, whose numbers are tensors beside the weights."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from model_store.likelihood_schema import Frozen

MAX_CALIBRATION_ROWS = 10_000_000

_Rows = Annotated[int, Field(ge=1, le=MAX_CALIBRATION_ROWS)]


class CalibrationSummary(Frozen):
    """Which rows calibrated the scores, and how the scores were made.

    `rows` are the calibration rows, `reference_rows` those whose latents others are compared with,
    `baseline_rows` those that tell what is usual. `source` and `created` are of the calibration
    rows: it may be younger than the model.
    """

    rows: _Rows
    reference_rows: _Rows
    baseline_rows: _Rows
    num_samples: int = Field(ge=1)
    seed: int = Field(ge=0)
    source: str
    created: AwareDatetime
