"""What the likelihoods and the imputation are worth on real data.

    python -m benchmarks.real_data --data FOLDER [--only counts,credit] [--seeds 0,1,2]

FOLDER holds counts_pbmc68k.npz, optdigits_8x8.npz, mnist.npz, mixed_credit.csv.gz,
mixed_penguins.csv.gz and mixed_adult.csv.gz. Trains by the code of `vae-train`, a seed also decides
which rows are held out, and prints the tables of docs/statistics.md.
"""

import argparse
from pathlib import Path

from benchmarks.real_data.grey import NAME as GREY
from benchmarks.real_data.grey import print_grey
from benchmarks.real_data.imputation import TABLES, print_imputation
from benchmarks.real_data.likelihoods import CONTESTS, print_contest

ALL = (*CONTESTS, GREY, *TABLES)


def main() -> None:
    """Prints Markdown tables and writes nothing else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the files")
    parser.add_argument("--only", default=",".join(ALL), help=f"some of {','.join(ALL)}")
    parser.add_argument("--seeds", default="0,1,2", help="such as 0,1,2")
    arguments = parser.parse_args()
    only = arguments.only.split(",")
    if unknown := sorted(set(only) - set(ALL)):
        parser.error(f"--only {unknown[0]} is unknown; needed some of {', '.join(ALL)}")
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    for contest in (contest for name, contest in CONTESTS.items() if name in only):
        print_contest(contest, arguments.data, seeds)
    if GREY in only:
        print_grey(arguments.data, seeds)
    if tables := [name for name in TABLES if name in only]:
        print_imputation(tables, arguments.data, seeds)


if __name__ == "__main__":
    main()
