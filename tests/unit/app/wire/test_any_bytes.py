"""Whatever bytes come, a decoder gives tensors of the right shape or a refusal with a status."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, float32, float64

from app.errors import PROBLEMS, BodyError, TooLargeError
from tests.codecs import DECODERS, ROWS, TAKEN
from tests.mutations import mutated

REFUSALS = tuple(e for e in PROBLEMS if issubclass(e, BodyError | TooLargeError))
SHAPES = {name: row.shape for name, row in ROWS.items()} | {"records": (2,)}
MUTATED = {name: mutated(st.sampled_from(bodies)) for name, bodies in TAKEN.items()}

asked = st.sampled_from(sorted(DECODERS)).flatmap(
    lambda name: st.tuples(st.just(name), MUTATED[name] | st.binary(max_size=200))
)


@pytest.mark.parametrize("decoder", DECODERS)
def test_what_is_right_is_taken(decoder: str) -> None:
    for body in TAKEN[decoder]:
        assert DECODERS[decoder](body)


@settings(deadline=None, max_examples=800)
@given(asked=asked)
@example(("json", b'{"inputs":' + b"[" * 2_000_000))
@example(("json", b'{"inputs":[[1,2]],"inputs":[[1,2]]}'))
@example(("json", b'{"inputs":[[1,' + b"9" * 400 + b"]]}"))
@example(("json", b'{"resolution":[1' + b"1" * 350 + b"]}"))
@example(("options", b"[" * 60_000))
@example(("csv", b"\xef\xbb\xbf\xef\xbb\xbfage,job\n1,\n"))
def test_any_bytes_are_tensors_or_refused(asked: tuple[str, bytes]) -> None:
    decoder, body = asked

    try:
        decoded = DECODERS[decoder](body)
    except REFUSALS:
        return

    tensors = {name: value for name, value in decoded.items() if isinstance(value, Tensor)}
    assert all(tensor.dtype in {float32, float64} for tensor in tensors.values())
    assert all(tensor.shape[1:] == SHAPES[name] for name, tensor in tensors.items())
    assert all(len(tensor) and not tensor.isinf().any() for tensor in tensors.values())
