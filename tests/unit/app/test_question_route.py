"""The route class says at once when an endpoint does not fit it."""

import pytest

from app.dependencies import InferenceDep, ModelDep
from app.routes.questions import question_router
from app.schemas.elbo import ElboReply, ElboRequest


def test_an_endpoint_that_asks_for_more_is_refused_when_it_is_declared() -> None:
    async def more(
        body: ElboRequest, model: ModelDep, inference: InferenceDep, page: int
    ) -> ElboReply:
        raise NotImplementedError

    with pytest.raises(TypeError, match="more must take body, model, inference"):
        question_router().post("/more")(more)
