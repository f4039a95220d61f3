"""The questions a caller can ask of a VAE, cut into chunks, answered as frozen records.

Every function takes rows in data units, NaN where a feature is missing, and a seed; the same seed
gives the same answer for a row whatever rows stand beside it. Work is cut over samples and rows so
that memory does not grow with their product; the cuts never change which samples are used or how
many they are divided by.
"""

from model_store.vae.estimators.conditionals import Conditionals, conditionals
from model_store.vae.estimators.elbo import ElboEstimate, estimate_elbo
from model_store.vae.estimators.imputation import Imputation, impute
from model_store.vae.estimators.log_likelihood import (
    LogLikelihoodEstimate,
    estimate_log_likelihood,
)

__all__ = [
    "Conditionals",
    "ElboEstimate",
    "Imputation",
    "LogLikelihoodEstimate",
    "conditionals",
    "estimate_elbo",
    "estimate_log_likelihood",
    "impute",
]
