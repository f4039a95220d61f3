"""Answers that are the same but for the rounding of another batch."""

from typing import Any

import numpy as np

# Found from differences between importance weights, in which their rounding grows.
OF_WEIGHTS = ("pareto_k", "effective_sample_size", "standard_error")


def assert_close(together: Any, alone: Any, path: str) -> None:  # noqa: ANN401 - any JSON value
    """Numbers to rounding, everything else exactly."""
    if isinstance(alone, dict):
        assert together.keys() == alone.keys(), path
        for name, value in alone.items():
            assert_close(together[name], value, f"{path}.{name}")
    elif isinstance(alone, list) and _holds_objects(alone):
        assert len(together) == len(alone), path
        for place, value in enumerate(alone):
            assert_close(together[place], value, f"{path}[{place}]")
    elif isinstance(alone, list | float):
        ours, theirs = np.array(together, dtype=float), np.array(alone, dtype=float)
        # Where a mean is subtracted, a value may be anything small beside the others.
        largest = np.abs(theirs).max(initial=1, where=np.isfinite(theirs))
        rounding = 1e-3 if path.endswith(OF_WEIGHTS) else 1e-5
        np.testing.assert_allclose(ours, theirs, rounding, rounding * largest, err_msg=path)
    else:
        assert together == alone, path


def _holds_objects(values: list[Any]) -> bool:
    return any(
        isinstance(each, dict) or (isinstance(each, list) and _holds_objects(each))
        for each in values
    )
