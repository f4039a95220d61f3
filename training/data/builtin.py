"""The built-in sets, read from the files that scikit-learn installs."""

import numpy as np

from training.data.reading import Reading
from training.errors import LIBRARIES_NEEDED, DataError

BUILT_IN = ("digits", "breast-cancer", "wine", "iris")


def read_built_in(name: str) -> Reading:
    """One of BUILT_IN: digits are 8 x 8 images of 17 levels, the others tables of real numbers.

    Raises:
        DataError: scikit-learn is not installed.
    """
    try:
        # As slow to import as all other readers together.
        from sklearn import datasets  # noqa: PLC0415
    except ModuleNotFoundError:
        raise DataError(LIBRARIES_NEEDED) from None
    content = getattr(datasets, f"load_{name.replace('-', '_')}")()
    names = tuple(map(str, content.feature_names))
    if name != "digits":
        whole = np.zeros(len(names), dtype=bool)
        return Reading(name, name, content.data, names, whole, is_table=True)
    images = content.images.astype(np.uint8)
    return Reading(name, name, images, names, np.ones(len(names), dtype=bool), pixel_levels=17)
