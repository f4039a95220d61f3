"""What people have, read, checked, understood and split."""

from training.data.dataset import Dataset
from training.data.likelihoods import choose_likelihood
from training.data.load import load_dataset
from training.data.split import Split, split_for, split_rows
from training.data.standardise import Standardisation, fit_standardisation
from training.data.summary import FeatureSummary, summarise_features

__all__ = [
    "Dataset",
    "FeatureSummary",
    "Split",
    "Standardisation",
    "choose_likelihood",
    "fit_standardisation",
    "load_dataset",
    "split_for",
    "split_rows",
    "summarise_features",
]
