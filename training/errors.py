"""The errors of offline training, beside those of the model store.

    VaeError
    └── TrainingError
        ├── DataError               the user's mistake: what was handed in cannot be trained on
        ├── DataUnavailableError    the world's: the file is there but cannot be read
        └── DivergedError           the optimisation ran off

Every message is one sentence that says where, what came and what is needed.
"""

from model_store.errors import VaeError

LIBRARIES_NEEDED = (
    "The training libraries are not installed; pip install 'vae-service[train]' is needed."
)


class TrainingError(VaeError):
    """Training cannot go on."""


class DataError(TrainingError):
    """Data, flags or a config file that the user must change."""


class DataUnavailableError(TrainingError):
    """Data that the operating system would not hand over."""


class DivergedError(TrainingError):
    """An optimisation whose gradients are no longer finite."""
