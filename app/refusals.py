"""What a model says against its rows, in the words of the request: field, row, feature's name."""

from collections.abc import Mapping

from torch import Tensor

from app.errors import Refusal, RefusedBodyError
from app.loaded_model import LoadedModel
from model_store.errors import InputError, OutOfRangeError, SupportError, VaeError


def located(error: InputError, model: LoadedModel, arrays: Mapping[str, Tensor]) -> VaeError:
    """The same refusal with its place in the body.

    Args:
        error: What the model raised.
        model: The model that was asked.
        arrays: What it was asked about, by the names of their fields.
    """
    if isinstance(error, SupportError):
        feature = model.features[error.feature]
        place = f"{_field_of(error, arrays)}[{error.row}]"
        came = f"feature {feature.name!r} ({feature.kind}) is {error.value:g}"
        message = f"{place}: {came}; needed {error.needed}."
        return RefusedBodyError(Refusal(place, message))
    if isinstance(error, OutOfRangeError) and arrays:
        return RefusedBodyError(*(Refusal(f"{name}[{error.row}]", str(error)) for name in arrays))
    if isinstance(error, OutOfRangeError):
        message = f"Sample {error.row} is not finite at this temperature; needed a lower one."
        return RefusedBodyError(Refusal("temperature", message))
    return error


def _field_of(error: SupportError, arrays: Mapping[str, Tensor]) -> str:
    """The first field with that value at that place: a model looks at them in turn."""
    return next(
        name
        for name, rows in arrays.items()
        # repr, for NaN does not equal itself.
        if repr(float(rows.flatten(1)[error.row, error.feature])) == repr(float(error.value))
    )
