"""One p(x | z) per file."""

from model_store.vae.likelihoods.bernoulli import BernoulliHead, BernoulliLikelihood
from model_store.vae.likelihoods.categorical import CategoricalHead, CategoricalLikelihood
from model_store.vae.likelihoods.continuous_bernoulli import (
    ContinuousBernoulliHead,
    ContinuousBernoulliLikelihood,
)
from model_store.vae.likelihoods.discretized_logistic import (
    DiscretizedLogisticHead,
    DiscretizedLogisticLikelihood,
)
from model_store.vae.likelihoods.gaussian import GaussianHead, GaussianLikelihood
from model_store.vae.likelihoods.interface import Likelihood, LikelihoodHead, Measure
from model_store.vae.likelihoods.laplace import LaplaceHead, LaplaceLikelihood
from model_store.vae.likelihoods.log_normal import LogNormalLikelihood, with_log_columns
from model_store.vae.likelihoods.mixed import MixedHead, MixedLikelihood
from model_store.vae.likelihoods.negative_binomial import (
    NegativeBinomialHead,
    NegativeBinomialLikelihood,
)
from model_store.vae.likelihoods.poisson import PoissonHead, PoissonLikelihood
from model_store.vae.likelihoods.student_t import StudentTHead, StudentTLikelihood

__all__ = [
    "BernoulliHead",
    "BernoulliLikelihood",
    "CategoricalHead",
    "CategoricalLikelihood",
    "ContinuousBernoulliHead",
    "ContinuousBernoulliLikelihood",
    "DiscretizedLogisticHead",
    "DiscretizedLogisticLikelihood",
    "GaussianHead",
    "GaussianLikelihood",
    "LaplaceHead",
    "LaplaceLikelihood",
    "Likelihood",
    "LikelihoodHead",
    "LogNormalLikelihood",
    "Measure",
    "MixedHead",
    "MixedLikelihood",
    "NegativeBinomialHead",
    "NegativeBinomialLikelihood",
    "PoissonHead",
    "PoissonLikelihood",
    "StudentTHead",
    "StudentTLikelihood",
    "with_log_columns",
]
