"""What people have, read, checked, understood and split."""

from training.data.dataset import Dataset
from training.data.likelihoods import choose_likelihood
from training.data.load import load_dataset
from training.data.split import Split, split_for, split_rows
from training.data.summary import FeatureSummary, summarise_features
from training.data.transforms import FittedTransforms, fit_constants, fit_transforms

__all__ = [
    "Dataset",
    "FeatureSummary",
    "FittedTransforms",
    "Split",
    "choose_likelihood",
    "fit_constants",
    "fit_transforms",
    "load_dataset",
    "split_for",
    "split_rows",
    "summarise_features",
]
