"""How rows are split where models are compared and no anomaly is looked for."""

from collections.abc import Mapping
from typing import Any

A_FIFTH_HELD_OUT: Mapping[str, Any] = {"test_fraction": 0.2, "calibration_fraction": 0.0}
"""Twice as many rows to compare models on as by default, in the place of those that calibrate."""
