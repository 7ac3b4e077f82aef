# SPDX-License-Identifier: Apache-2.0
"""The cluster of the streaming tests: broker, workers and `chw score` as processes that a test
can kill one by one, and the judge of what they leave (stream-truth).

    population = Population(folder)              # records, two versions of chd, one of diabetes
    population = Population(folder, 40000)       # of fewer records
    cluster = Cluster(population)                # on a copy of its SQLite store, or
    cluster = Cluster(population, "redis://...") # on another store, which gets a copy

The records are ../shared/data/brfss2020_heart_state.csv.gz where it is (319,795 people in 53
states), else a generated population; the output says which."""
import contextlib
import csv
import gzip
import io
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

BIN = pathlib.Path(os.environ["CHW_BIN"])
TESTS = pathlib.Path(os.environ["CHW_TESTS"])
ROOT = pathlib.Path(__file__).resolve().parents[2]
BRFSS = ROOT.parent / "shared/data/brfss2020_heart_state.csv.gz"
BRFSS_ROWS = 319795
STREAM_ROWS = int(os.environ["STREAM_ROWS"]) if os.environ.get("STREAM_ROWS") else None
AS_OF = "2026-11-02"
DEADLINE_S = 240


def run(*command, ok=True):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=DEADLINE_S)
    if ok and done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done


@contextlib.contextmanager
def database(path):
    """`with sqlite3.connect(...)` alone ends the transaction and leaves the file open."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        yield db


def wait_until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)  # between looks, not instead of one
    raise AssertionError(f"waited {seconds} s for: {what}")


class Population:
    """The records, and two trained versions of chd beside one of diabetes."""

    def __init__(self, folder, rows=STREAM_ROWS):
        """`rows`: about so many, of all regions; None: what there is."""
        self.folder = folder
        self.store = folder / "store.db"
        if BRFSS.exists():
            self.records, self.region = BRFSS, "state"
            options = ["--id-column", "row_id", "--drop", "state_fips"]
            outcomes = {"chd": "HeartDisease", "diabetes": "Diabetic"}
            every = BRFSS_ROWS // rows if rows else 1
            print(f"records: BRFSS 2020, 1 in {every} of {BRFSS_ROWS:,} people")
            if every > 1:
                self.records = self.thin_out(every)
        else:
            rows = rows or 200000
            self.records, self.region = folder / "people.csv", "region"
            run(BIN / "chw", "generate", "--rows", rows, "--seed", 7, "-o", self.records)
            options = ["--id-column", "person_id"]
            outcomes = {"chd": "chd", "diabetes": "diabetes"}
            print(f"records: generated, {rows:,} (../shared/data is not here)")
        for name, column in outcomes.items():
            others = [word for other in outcomes.values() if other != column
                      for word in ("--drop", other)]
            self.train(name, column, *options, *others, "--promote", "champion")
        others = ["--drop", outcomes["diabetes"]]
        self.first = self.version("chd", "champion")
        self.train("chd", outcomes["chd"], *options, *others, "--seed", 2, "--promote", "next")
        self.second = self.version("chd", "next")
        assert self.first != self.second

    def thin_out(self, every):
        records = self.folder / "people.csv"
        with gzip.open(BRFSS, "rt") as whole, open(records, "w") as thin:
            thin.writelines(line for number, line in enumerate(whole) if number % every == 0)
        return records

    def train(self, name, column, *options):
        run(BIN / "chw-train", self.records, "--target", column, "--positive", "Yes", "--name",
            name, "--store", f"sqlite:{self.store}", *options)

    def version(self, name, alias):
        with database(self.store) as db:
            row = db.execute("SELECT hex(version) FROM alias_move WHERE name = ? AND alias = ? "
                             "ORDER BY id DESC", (name, alias)).fetchone()
        return row[0].lower()


class Cluster:
    """Broker and workers over ipc in a folder of their own, with a copy of the trained store."""

    def __init__(self, population, store=None, copy=True):
        """`copy`: to a store of another kind; False: it has all already."""
        self.population = population
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=population.folder))
        self.store = store or f"sqlite:{self.folder}/store.db"
        if store is None:
            shutil.copy(population.store, self.folder / "store.db")
        elif copy:
            run(BIN / "chw", "store", "copy", f"sqlite:{population.store}", store)
        self.results = self.folder / "results.csv"
        self.processes = {}

    def start(self, name, *command, env=None, said=None):
        """`said`: the file that gets its standard output; None: its log."""
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(open(self.folder / f"{name}.log", "ab"))
            out = log if said is None else stack.enter_context(open(said, "wb"))
            self.processes[name] = subprocess.Popen(
                [str(part) for part in command], stdout=out, stderr=log,
                env={**os.environ, **(env or {})})
        return self.processes[name]

    def start_broker(self):
        return self.start("broker", BIN / "chw-broker", "--front", self.endpoint("front"),
                          "--back", self.endpoint("back"))

    def start_worker(self, name, fault=None, options=()):
        program = TESTS / "chw-worker-faulty" if fault else BIN / "chw-worker"
        env = {"CHW_FAULT": fault or "", "CHW_FAULT_FILE": str(self.folder / "fault")}
        return self.start(name, program, "--broker", self.endpoint("back"), "--store",
                          self.store, *options, env=env)

    def start_watched_worker(self, name):
        """With metrics and health on a port, which is returned."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.start_worker(name, options=("--metrics", f"127.0.0.1:{port}"))
        return port

    def start_score(self, *options, records=None):
        return self.start("score", BIN / "chw", "score", records or self.population.records,
                          "--region-column", self.population.region, "-o", self.results,
                          "--broker", self.endpoint("front"), "--as-of", AS_OF,
                          "--batch-rows", 256, *options)

    def endpoint(self, name):
        return f"ipc://{self.folder}/{name}.ipc"

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def people(self):
        """How many scorings the store has counted."""
        said = run(BIN / "chw", "demand", "--format", "csv", "--store", self.store).stdout
        return sum(int(cell["people"]) for cell in csv.DictReader(io.StringIO(said)))

    def wait_people(self, count):
        wait_until(f"{count} people counted", lambda: self.people() >= count)

    def kill(self, name, number=signal.SIGKILL):
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(DEADLINE_S)

    def finish_score(self):
        process = self.processes.pop("score")
        code = process.wait(DEADLINE_S)
        if code != 0:
            raise AssertionError(f"chw score ended with {code}:\n{self.log('score')[-3000:]}")

    def drain(self):
        """Stop all, workers first; each must end with 0."""
        for name in sorted(self.processes, key=lambda name: name.startswith("broker")):
            code = self.kill(name, signal.SIGTERM)
            if code != 0:
                raise AssertionError(f"{name} ended with {code}:\n{self.log(name)[-3000:]}")

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()

    def promote(self, version):
        run(BIN / "chw", "model", "promote", "chd", version, "champion", "--store",
            self.store)

    def truth(self):
        """Raises unless results and store are what the reference scorer says."""
        said = run(TESTS / "stream-truth", self.store, self.population.records,
                   self.results, self.population.region).stdout
        numbers = [int(number) for number in re.findall(r"\d+", said)]
        return dict(zip(("records", "ok", "equal", "cells", "versions"), numbers))

    def versions(self):
        """Rows by the version of chd that scored them."""
        counts = {}
        with open(self.results) as file:
            at = file.readline().strip().split(",").index("chd_version")
            for line in file:
                version = line.rstrip("\n").split(",")[at]
                counts[version] = counts.get(version, 0) + 1
        return counts
