"""What wrk prints, read."""

import pytest

from benchmarks.load import Load, parsed

PRINTED = """Running 4s test @ http://127.0.0.1:18411/v1/models/mnist/elbo
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     6.09ms    1.00ms  23.34ms   91.00%
    Req/Sec    10.57k   620.00    11.20k    85.00%
  Latency Distribution
     50%  500.00us
     75%    6.31ms
     90%    6.80ms
     99%    1.25s
  42077 requests in 4.00s, 12.00MB read
Requests/sec:  10511.25
Transfer/sec:      3.00MB
"""


def test_rates_and_percentiles_have_their_units() -> None:
    assert parsed(PRINTED) == Load(10511.25, 0.5, 1250.0)


@pytest.mark.parametrize(
    "failure",
    ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 1, write 0, timeout 0\n"],
)
def test_unanswered_requests_are_no_measurement(failure: str) -> None:
    with pytest.raises(RuntimeError, match="Not every request"):
        parsed(PRINTED + failure)
