"""Figures of anomaly detection that a broken run does not lose, and the tables made of them."""

from functools import partial
from pathlib import Path

from benchmarks.anomaly.alarms import ALARMS, Alarms, Flagged, alarms_table
from benchmarks.anomaly.contest import CONTEST, Measured, contest_tables
from benchmarks.anomaly.explanations import EXPLANATIONS, Named, explanations_table
from benchmarks.anomaly.jobs import PARTS, cost_jobs, missing_jobs, run
from benchmarks.anomaly.record import Record

FIGURES = {"kNN": Measured(0.9, 0.5)}
FLAGGED = (Flagged(0.25, 0.125), Flagged(None, 0.5), Flagged(None, 0.5))


def contest_line(name: str, seed: int, auroc: float) -> str:
    return CONTEST.line(name, seed, {"kNN": Measured(auroc, 0.5)})


def test_a_record_gives_back_what_an_earlier_run_kept(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    Record(path).add([CONTEST.line("wbc", 0, FIGURES), CONTEST.line("wbc", 2, FIGURES)])

    record = Record(path)

    assert record.of_each(CONTEST, ["wbc", "vowel"], range(2)) == {"wbc": [FIGURES]}
    assert record.has("tables", "wbc", 2)
    assert not record.has("alarms", "wbc", 2)


def test_figures_of_every_part_come_back_as_they_were() -> None:
    alarms = Alarms(FLAGGED, (9, 90), 0.0, 0.5, 10)
    record = Record(None)

    record.add([ALARMS.line("wbc", 0, alarms), EXPLANATIONS.line("wbc", 0, Named(None, None))])

    assert record.of_each(ALARMS, ["wbc"], [0]) == {"wbc": [alarms]}
    assert record.of_each(EXPLANATIONS, ["wbc"], [0]) == {"wbc": [Named(None, None)]}


def test_the_last_figures_of_a_thing_and_seed_are_the_ones_that_count(tmp_path: Path) -> None:
    record = Record(tmp_path / "r.jsonl")

    record.add([contest_line("wbc", 0, 0.1)])
    record.add([contest_line("wbc", 0, 0.2)])

    assert (tmp_path / "r.jsonl").read_text() == contest_line("wbc", 0, 0.2) + "\n"


def test_what_is_measured_afresh_is_forgotten_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    Record(path).add(
        [CONTEST.line("wbc", 0, FIGURES), EXPLANATIONS.line("wbc", 0, Named(0.5, 1.0))]
    )

    record = Record(path, afresh=["tables"])

    assert not record.has("tables", "wbc", 0)
    assert record.has("explanations", "wbc", 0)


def test_only_what_the_record_lacks_is_measured() -> None:
    sets = {"wbc": Path("ad_wbc.npz"), "vowel": Path("ad_vowel.npz")}
    record = Record(None)
    record.add([contest_line("wbc", 0, 0.5), contest_line("vowel", 1, 0.5)])

    jobs = missing_jobs(Path(), sets, ["tables"], 2, record)

    assert [job.args[1:4] for job in jobs if isinstance(job, partial)] == [
        ("vowel", 0, ["tables"]),
        ("wbc", 1, ["tables"]),
    ]


def test_pictures_and_cost_are_measured_with_every_seed() -> None:
    assert len(list(missing_jobs(Path(), {}, PARTS, 3, Record(None)))) == 3 * 3
    assert len(list(cost_jobs(PARTS, 3, Record(None)))) == 3


def test_jobs_in_processes_of_their_own_give_their_lines() -> None:
    jobs = [partial(str.split, text) for text in ("a b", "c")]

    assert sorted(run(jobs, processes=1)) == [["a", "b"], ["c"]]


def test_the_mean_of_sets_has_the_ends_of_its_seeds() -> None:
    low, high = {"kNN": Measured(0.8, 0.5)}, {"kNN": Measured(1.0, 0.5)}

    tables = contest_tables({"wbc": [low, high], "vowel": [low, low]})

    assert "| kNN | 0.8500 (0.8000 to 0.9000) | 0.900 | 0.800 |" in tables


def test_rates_that_the_calibration_cannot_tell_are_said_to_be() -> None:
    alarms = Alarms(FLAGGED, (9, 1_090), 0.5, 0.75, 10)

    row = alarms_table({"wbc": [alarms]}).splitlines()[-1]

    assert row == (
        "| wbc | 0.250 ± 0.125 | too few rows | too few rows | 9, 1,090 | 0.500 | 0.750 |"
    )


def test_sets_in_which_nothing_can_be_flagged_have_no_shares() -> None:
    table = explanations_table({"wbc": [Named(None, None)], "vowel": [Named(0.5, 1.0, 0.9)]})

    assert table.splitlines()[-2:] == [
        "| wbc | too few rows | too few rows | too few rows |",
        "| vowel | 0.500 | 1.000 | 0.900 |",
    ]
