"""A small typed client: ask a VAE service with numpy arrays, from plain or from async code.

    with VaeClient("http://127.0.0.1:8000") as client:
        answer = client.model("digits").elbo(images)
        print(answer.elbo, answer.standard_error)

`calls` says what to send and how to read the answer; the two clients in `clients` only carry it.
"""

from app.client.answers import (
    AnomalyScores,
    Card,
    Decoding,
    Drift,
    Elbo,
    Encoding,
    Interpolation,
    LogLikelihood,
    ModelVersion,
    Reconstruction,
    Samples,
)
from app.client.bodies import Records
from app.client.clients import AsyncModel, AsyncVaeClient, Model, VaeClient
from app.client.errors import (
    AnswerTimeoutError,
    BusyError,
    ClientError,
    DeadlineError,
    NoAnswerError,
    NotAllowedError,
    NotCalibratedError,
    NotFoundError,
    RequestRefusedError,
    ServiceError,
    TooLargeError,
    UnavailableError,
    UnexpectedAnswerError,
)

__all__ = [
    "AnomalyScores",
    "AnswerTimeoutError",
    "AsyncModel",
    "AsyncVaeClient",
    "BusyError",
    "Card",
    "ClientError",
    "DeadlineError",
    "Decoding",
    "Drift",
    "Elbo",
    "Encoding",
    "Interpolation",
    "LogLikelihood",
    "Model",
    "ModelVersion",
    "NoAnswerError",
    "NotAllowedError",
    "NotCalibratedError",
    "NotFoundError",
    "Reconstruction",
    "Records",
    "RequestRefusedError",
    "Samples",
    "ServiceError",
    "TooLargeError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "VaeClient",
]
