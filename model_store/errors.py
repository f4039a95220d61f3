"""The whole error tree of the model store and its statistics.

    VaeError
    ├── InputError                  what a caller handed in cannot be answered
    │   ├── ShapeError                wrong rank or width
    │   ├── SupportError              a value outside its likelihood's support
    │   └── OutOfRangeError           so far from the data that the answer is not finite
    ├── StoreError                  the folder of models
    │   ├── InvalidNameError          a name, version or alias that cannot exist
    │   ├── NotInStoreError           no such model, version or alias
    │   └── StorageError              the disk said no: read-only, full, gone
    └── CheckpointError             one file of the store cannot be served
        ├── ForeignFileError          not written by this project
        ├── NewerFormatError          written by a later version of it
        └── CorruptCheckpointError    torn, edited or inconsistent

Every message is one sentence that says where, what came and what is needed; none holds a tensor, a
path on the server's disk or another exception's text.
"""


class VaeError(Exception):
    """Root of every error this project raises on purpose."""


class InputError(VaeError):
    """Data handed to a model that it cannot answer for."""

    def after(self, rows: int) -> "InputError":  # noqa: ARG002 - for errors that name a row
        """The same error where so many other rows stand in front."""
        return self


class ShapeError(InputError):
    """Inputs or latents of the wrong rank or width."""


class SupportError(InputError):
    """A value outside the support of its feature's likelihood.

    Args:
        row: Index of the first offending row.
        feature: Flat index of the offending feature.
        value: The value that came.
        needed: What the likelihood takes, as words: "0 or 1".
    """

    def __init__(self, *, row: int, feature: int, value: float, needed: str) -> None:
        super().__init__(f"Row {row}, feature {feature} is {value:g}; needed {needed}.")
        self.row = row
        self.feature = feature
        self.value = value
        self.needed = needed

    def after(self, rows: int) -> "SupportError":
        """About a later row."""
        return SupportError(
            row=rows + self.row, feature=self.feature, value=self.value, needed=self.needed
        )


class OutOfRangeError(InputError):
    """A row for which the answer is not a finite number.

    Args:
        row: Index of the first such row.
        quantity: What overflowed: "elbo".
    """

    def __init__(self, *, row: int, quantity: str) -> None:
        super().__init__(f"Row {row} lies so far from the data that it has no finite {quantity}.")
        self.row = row
        self.quantity = quantity

    def after(self, rows: int) -> "OutOfRangeError":
        """About a later row."""
        return OutOfRangeError(row=rows + self.row, quantity=self.quantity)


class StoreError(VaeError):
    """The folder of models cannot do what was asked."""


class InvalidNameError(StoreError):
    """A name, version or alias that no store can hold."""


class NotInStoreError(StoreError):
    """No such model, version or alias."""


class StorageError(StoreError):
    """The storage itself failed: read-only, full or gone."""


class CheckpointError(VaeError):
    """A checkpoint that cannot be served."""


class ForeignFileError(CheckpointError):
    """A file that this project did not write."""


class NewerFormatError(CheckpointError):
    """A checkpoint written by a later version of this project."""


class CorruptCheckpointError(CheckpointError):
    """A torn, edited or inconsistent checkpoint."""
