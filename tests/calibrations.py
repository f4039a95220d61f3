"""Small calibrations, for tests that need one."""

from functools import cache

from model_store.calibration import Calibration, calibrate
from tests.models import random_rows, small_vae

CALIBRATION_ROWS = 99


@cache
def small_calibration(kind: str = "gaussian") -> Calibration:
    """Of a small model of one of `tests.models.KINDS`, by 99 rows of its own."""
    x = random_rows(kind, 300, seed=1)
    return calibrate(
        small_vae(kind), x[:CALIBRATION_ROWS], x[100:240], x[240:], num_samples=4, seed=0
    )
