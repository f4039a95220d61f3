"""What the service knows of itself, summed over its processes, as Prometheus reads it."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import accumulate
from math import inf
from operator import add

import torch
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from app.metrics import COUNTED, PID, Family
from app.observed import Evidence, streams
from app.processes import usage_of
from app.shared_numbers import Key
from app.workers import Worker
from model_store.vae import native

WORKERS = Family("vae_workers", "gauge", "Workers that run.")
WORKERS_CONFIGURED = Family(
    "vae_workers_configured", "gauge", "Workers that shall run (VAE_WORKERS)."
)
BUILD = Family("vae_build_info", "gauge", "Always 1.", ("version", "torch", "compiled"))
STARTED = Family(
    "process_start_time_seconds", "gauge", "When the service began, in seconds since 1970."
)
CPU = Family(
    "process_cpu_seconds_total",
    "counter",
    "Time on processor cores of all processes, those that have ended too.",
)
MEMORY = Family(
    "process_resident_memory_bytes",
    "gauge",
    "Memory of all processes, with the pages they share counted once.",
)

_STREAM = ("model", "version", "score")
E_VALUE = Family(
    "vae_drift_e_value",
    "gauge",
    "Evidence that rows sent to anomaly are not like the calibration's; 1 on average if they are.",
    _STREAM,
)
PEAK = Family(
    "vae_drift_e_value_peak", "gauge", "The largest that it is known to have been.", _STREAM
)

FAMILIES = (*COUNTED, E_VALUE, PEAK, WORKERS, WORKERS_CONFIGURED, BUILD, STARTED, CPU, MEMORY)
"""Every metric of the service."""

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_IS_COMPILED = str(native.IS_COMPILED).lower()

_Labels = tuple[str, ...]
_Series = dict[_Labels, list[float]]


class Exposition(Collector):
    """The service's metrics, right whichever of its processes is asked.

    Args:
        worker: The process that is asked.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """All metrics, of the type `MEDIA_TYPE`."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Every metric as it stands now."""
        counted = list(self._worker.numbers.read())
        workers = [int(numbers[0]) for key, numbers in counted if key == (PID,)]
        found = _summed(counted) | self._evidence(counted) | self._looked_up(workers)
        for family in FAMILIES:
            yield _metric(family, found.get(family.name, {}))

    def _evidence(self, counted: Iterable[tuple[Key, list[float]]]) -> dict[str, _Series]:
        """What the processes' drift tests say together."""
        found: dict[str, _Series] = {E_VALUE.name: {}, PEAK.name: {}}
        for (model, version_, _, score), seen in streams(counted).items():
            evidence = Evidence.of(seen, len(self._worker.loaded))
            labels = (model, version_, score)
            found[E_VALUE.name][labels] = [evidence.e_value]
            found[PEAK.name][labels] = [evidence.peak]
        return found

    def _looked_up(self, workers: list[int]) -> dict[str, _Series]:
        """What nobody counts, because it can be looked up."""
        found: dict[str, _Series] = {
            WORKERS_CONFIGURED.name: {(): [len(self._worker.loaded)]},
            BUILD.name: {(version("vae-service"), torch.__version__, _IS_COMPILED): [1.0]},
            STARTED.name: {(): [self._worker.numbers.began]},
        }
        supervisor = os.getppid() if self._worker.supervisor is not None else None
        if usage := usage_of(workers, supervisor):
            found[WORKERS.name] = {(): [usage.workers]}
            found[CPU.name] = {(): [usage.cpu_seconds]}
            found[MEMORY.name] = {(): [usage.resident_bytes]}
        return found


def _summed(counted: Iterable[tuple[Key, list[float]]]) -> dict[str, _Series]:
    """What each process has counted, added up; by metric, then by labels."""
    found: dict[str, _Series] = defaultdict(dict)
    for (name, *labels), numbers in counted:
        sums = found[name].setdefault(tuple(labels), [0.0] * len(numbers))
        sums[:] = map(add, sums, numbers)
    return found


def _metric(family: Family, found: _Series) -> Metric:
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        bounds = [*map(floatToGoString, (*family.bounds, inf))]
        for labels, (*buckets, total) in found.items():
            # Each bucket counts what those below it do too.
            counts = list(zip(bounds, accumulate(buckets), strict=True))
            histogram.add_metric(labels, counts, total)
        return histogram
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, (value,) in found.items():
        metric.add_metric(labels, value)
    return metric
