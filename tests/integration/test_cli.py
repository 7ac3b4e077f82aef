# SPDX-License-Identifier: Apache-2.0
"""Goal: each chw command says what it does, does it, and answers what it cannot do with a
sentence and the right exit code.
Method: real processes, one temporary folder per test; what a person would type."""

import collections
import contextlib
import csv
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import time
import unittest
import urllib.request

from cluster import (Cluster, alive, children, chw, folder, main, read, run, start,
                     wait_until)
from redis_server import RedisServer

USAGE, DATA, NO_INPUT, UNAVAILABLE, TEMPORARY = 64, 65, 66, 69, 75

COMMANDS = ["up", "generate", "train", "score", "model", "demand", "plan", "top", "store", "demo"]
ACTIONS = ["list", "show", "promote", "rollback"]


def publish(data, rows, name="chd", target="chd", drop="diabetes", promote="champion"):
    """Train on so many synthetic people; returns the version."""
    table = data + "-%d.csv" % rows
    chw("generate", "--rows", rows, "-o", table)
    done = chw("train", table, "--target", target, "--name", name, "--id-column", "person_id",
               "--drop", drop, "--promote", promote, "--data", data)
    return re.search(r"\b[0-9a-f]{64}\b", done.stdout.partition("version")[2]).group()


def table(path):
    return list(csv.DictReader(read(path).splitlines()))


def serving(data, alias="champion"):
    """{model: version} that the alias names, by `chw model list`."""
    out = chw("model", "list", "--data", data, "--format", "csv").stdout
    return {row["model"]: row["version"] for row in csv.DictReader(out.splitlines())
            if alias in row["aliases"].split()}


@contextlib.contextmanager
def database(data):
    """The store's file, past its contract: to damage it."""
    with contextlib.closing(sqlite3.connect(data + "/store.db")) as store:
        yield store
        store.commit()


def insert_model(data, name, content, version=None):
    version = version or hashlib.sha256(content).digest()
    with database(data) as store:
        store.execute("insert into artifact (kind, version, name, size, published_s, bytes) "
                      "select kind, ?, ?, ?, published_s, ? from artifact where name = 'chd' "
                      "limit 1", (version, name, len(content), content))


class Help(unittest.TestCase):
    def test_every_command_explains_itself(self):
        for words in [["--help"], ["help"]] + [[c, "--help"] for c in COMMANDS] + \
                [["model", action, "--help"] for action in ACTIONS]:
            done = chw(*words)
            self.assertTrue(done.stdout.startswith("usage: chw"), words)
            self.assertEqual(done.stderr, "", words)
        for command in COMMANDS:
            self.assertRegex(chw("--help").stdout, r"(?m)^  %s +\S" % command)

    def test_version_is_one_line(self):
        self.assertRegex(chw("--version").stdout, r"^chw \d+\.\d+\.\d+\n$")

    def test_without_a_command_it_shows_them(self):
        self.assertIn("usage: chw COMMAND", chw(code=USAGE).stderr)
        self.assertIn("usage: chw model ACTION", chw("model", code=USAGE).stderr)

    def test_a_slip_is_met_with_the_nearest_command(self):
        self.assertIn("did you mean 'demand'?", chw("demnad", code=USAGE).stderr)
        self.assertIn("did you mean 'rollback'?", chw("model", "rolback", code=USAGE).stderr)
        self.assertNotIn("did you mean", chw("xyzzy", code=USAGE).stderr)

    def test_unknown_options_are_named(self):
        for words in ["up"], ["generate"], ["demand"], ["train"], ["score"], ["demo"], ["model", "list"]:
            self.assertIn("--nonsense", chw(*words, "--nonsense", code=USAGE).stderr)


class Generate(unittest.TestCase):
    def test_the_same_seed_gives_the_same_bytes(self):
        with folder() as place:
            digests = []
            for name, seed in ("a", 7), ("b", 7), ("c", 8):
                path = "%s/%s.csv" % (place, name)
                done = chw("generate", "--rows", 5000, "--seed", seed, "-o", path)
                self.assertIn("synthetic", done.stdout)
                digests.append(hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest())
            self.assertEqual(digests[0], digests[1])
            self.assertNotEqual(digests[0], digests[2])
            self.assertEqual(sorted(os.listdir(place)), ["a.csv", "b.csv", "c.csv"])

    def test_a_later_first_row_continues_the_same_people(self):
        with folder() as place:
            chw("generate", "--rows", 100, "-o", place + "/all.csv")
            chw("generate", "--rows", 40, "--first-row", 61, "-o", place + "/end.csv")
            everyone = read(place + "/all.csv").splitlines()
            end = read(place + "/end.csv").splitlines()
            self.assertEqual(end, everyone[:1] + everyone[61:])

    def test_outcomes_can_be_left_out(self):
        with folder() as place:
            chw("generate", "--rows", 50, "-o", place + "/with.csv")
            chw("generate", "--rows", 50, "--without-outcomes", "-o", place + "/without.csv")
            full = table(place + "/with.csv")
            for row, told in zip(table(place + "/without.csv"), full,
                                 strict=True):
                self.assertIn(told.pop("chd"), ("Yes", "No"))
                self.assertIn(told.pop("diabetes"), ("Yes", "No"))
                self.assertEqual(row, told)

    def test_regions_are_interleaved_and_of_unequal_size(self):
        with folder() as place:
            chw("generate", "--rows", 6000, "--regions", 5, "-o", place + "/p.csv")
            regions = [row["region"] for row in table(place + "/p.csv")]
            counts = sorted(regions.count(r) for r in set(regions))
            self.assertEqual(len(counts), 5)
            self.assertGreater(counts[-1], 2 * counts[0])
            self.assertEqual(len(set(regions[:200])), 5)

    def test_bad_requests_are_refused(self):
        with folder() as place:
            self.assertIn("-o FILE.csv", chw("generate", code=USAGE).stderr)
            self.assertIn(".gz", chw("generate", "-o", place + "/p.csv.gz", code=USAGE).stderr)
            for option in ("--rows", 0), ("--regions", 241), ("--regions", "many"):
                done = chw("generate", *option, "-o", place + "/p.csv", code=USAGE)
                self.assertIn(option[0], done.stderr)
            done = chw("generate", "-o", place + "/no/p.csv", code=74)
            self.assertIn("No such file", done.stderr)
            self.assertEqual(os.listdir(place), [])


def free_ports(count):
    """The first of `count` neighbours that nobody listens on."""
    while True:
        with contextlib.ExitStack() as held, contextlib.suppress(OSError, OverflowError):
            first = held.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            for offset in range(1, count):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port + offset))
            return port


class Up(unittest.TestCase):
    def test_it_is_ready_drains_and_exits_0(self):
        for number in signal.SIGTERM, signal.SIGINT:
            with folder() as place:
                cluster = Cluster(place + "/data", workers=3).start()
                names = sorted(children(cluster.process.pid).values())
                self.assertEqual(names, ["chw-broker", "chw-optimizer"] + 3 * ["chw-worker"])
                everyone = list(children(cluster.process.pid))
                self.assertEqual(cluster.stop(number), 0)
                self.assertFalse([p for p in everyone if alive(p)])
                log = cluster.log()
                self.assertLess(log.index("chw-worker number=4 code=0"),
                                log.index("chw-broker draining"))

    def test_the_folder_of_another_cluster_is_refused_with_its_process(self):
        with folder() as place, Cluster(place + "/data") as cluster:
            done = chw("up", "--data", cluster.data, code=TEMPORARY)
            self.assertIn("another cluster", done.stderr)
            self.assertIn(str(cluster.process.pid), done.stderr)
            cluster.chw("model", "list")

    def test_a_killed_worker_and_broker_are_started_again(self):
        with folder() as place, Cluster(place + "/data") as cluster:
            victim = cluster.workers()[0]
            os.kill(victim, signal.SIGKILL)
            wait_until("two workers, one new", lambda: len(cluster.workers()) == 2 and
                       victim not in cluster.workers())
            wait_until("it joins", lambda: cluster.log().count("worker_joined") == 3)
            broker = cluster.broker()
            os.kill(broker, signal.SIGKILL)
            wait_until("another broker", lambda: cluster.broker() != broker)
            log = cluster.log()
            self.assertRegex(log, r"warn chw-up restart child=chw-worker .*code=137")
            self.assertRegex(log, r"warn chw-up restart child=chw-broker .*code=137")
            wait_until("workers back at the new broker",
                       lambda: cluster.log().count("worker_joined") == 5)

    def test_a_worker_that_dies_again_and_again_is_started_ever_later(self):
        with folder() as place, Cluster(place + "/data", workers=1) as cluster:
            for _ in range(3):
                victim = wait_until("a worker", cluster.workers)[0]
                os.kill(victim, signal.SIGKILL)
                wait_until("its end", lambda: not alive(victim))
            delays = re.findall(r"restart .*delay_ms=(\d+)", wait_until(
                "three restarts",
                lambda: cluster.log().count(" restart ") == 3 and cluster.log()))
            self.assertEqual(delays, ["100", "200", "400"])

    def test_children_die_with_it(self):
        with folder() as place:
            cluster = Cluster(place + "/data").start()
            everyone = list(children(cluster.process.pid))
            self.assertEqual(len(everyone), 4)
            cluster.kill()
            wait_until("all gone", lambda: not [p for p in everyone if alive(p)], 5)
            cluster.start()  # and nothing is in the way of the next
            self.assertEqual(cluster.stop(), 0)

    def test_a_child_that_does_not_drain_is_killed(self):
        with folder() as place:
            cluster = Cluster(place + "/data", workers=1,
                              arguments=["--grace-ms", 300]).start()
            os.kill(cluster.workers()[0], signal.SIGSTOP)
            self.assertEqual(cluster.stop(), 0)
            self.assertIn("warn chw-up killed child=chw-worker", cluster.log())

    def test_a_store_that_cannot_be_opened_ends_it_with_the_workers_code(self):
        with folder() as place:
            os.mkdir(place + "/data")
            pathlib.Path(place + "/data/store.db").write_text("this is not a store" * 100)
            began = time.monotonic()
            done = run("chw", "up", "--data", place + "/data")
            self.assertEqual(done.returncode, DATA, done.stderr)
            self.assertIn("store.db", done.stderr)
            self.assertRegex(done.stderr, "error chw-up start_failed child=chw-(worker|optimizer)")
            self.assertNotIn("ready", done.stdout)
            self.assertLess(time.monotonic() - began, 20)

    def test_every_daemon_serves_its_metrics_on_the_ports_that_were_asked_for(self):
        with folder() as place:
            port = free_ports(4)
            with Cluster(place + "/data", arguments=["--metrics-port", port]):
                for offset, name in enumerate(["broker", "optimizer", "worker", "worker"]):
                    page = urllib.request.urlopen(
                        "http://127.0.0.1:%d/metrics" % (port + offset), timeout=10)
                    self.assertIn("chw_%s_build_info" % name, page.read().decode())

    def test_the_store_may_be_in_redis_and_its_password_is_told_to_nobody(self):
        with folder() as place, RedisServer(place, "--requirepass", "s3cret") as redis:
            url = redis.url.replace("//", "//:s3cret@")
            people = place + "/people.csv"
            chw("generate", "--rows", 3000, "-o", people)
            with Cluster(place + "/data", arguments=["--store", url]) as cluster:
                chw("train", people, "--target", "chd", "--name", "chd", "--id-column",
                    "person_id", "--drop", "diabetes", "--promote", "champion", env={
                        "CHW_STORE": url})
                cluster.chw("score", people, "--region-column", "region", "-o",
                            place + "/results.csv")
                out = chw("demand", "--format", "csv", "--store", url).stdout
                self.assertEqual(sum(int(c["people"]) for c in
                                     csv.DictReader(out.splitlines())), 3000)
                for child in children(cluster.process.pid):
                    self.assertNotIn("s3cret", read("/proc/%d/cmdline" % child))
                self.assertNotIn("s3cret", cluster.log())
            wrong = run("chw", "up", "--data", place + "/other", "--store",
                        url.replace("s3cret", "wr0ng"))
            self.assertNotEqual(wrong.returncode, 0)
            self.assertIn("password is wrong", wrong.stderr)
            self.assertNotIn("wr0ng", wrong.stderr)

    def test_clients_can_connect_by_tcp(self):
        with folder() as place:
            with Cluster(place + "/a", arguments=["--listen", "tcp://127.0.0.1:17431"]) as one:
                publish(one.data, 3000)
                one.chw("score", one.data + "-3000.csv", "--region-column", "region", "-o",
                        place + "/r.csv", "--broker", "tcp://127.0.0.1:17431")
                self.assertEqual(len(table(place + "/r.csv")), 3000)
                done = run("chw", "up", "--data", place + "/b", "--listen",
                           "tcp://127.0.0.1:17431")
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("17431", done.stderr)
                self.assertNotIn("ready", done.stdout)

    def test_several_brokers_are_found_by_clients_and_one_that_stands_still_is_not_missed(self):
        with folder() as place:
            pathlib.Path(place + "/data").mkdir()
            pathlib.Path(place + "/data/front3.ipc").touch()  # of more brokers, once
            with Cluster(place + "/data", arguments=["--brokers", 2]) as cluster:
                self.assertEqual(sorted(children(cluster.process.pid).values()),
                                 2 * ["chw-broker"] + ["chw-optimizer"] + 2 * ["chw-worker"])
                self.assertFalse(os.path.exists(cluster.data + "/front3.ipc"))
                publish(cluster.data, 3000)
                wait_until("workers at both",
                           lambda: cluster.log().count("worker_joined") == 4)
                broker = cluster.broker()
                os.kill(broker, signal.SIGSTOP)
                cluster.chw("score", cluster.data + "-3000.csv", "--region-column", "region",
                            "-o", place + "/r.csv")
                self.assertEqual(len(table(place + "/r.csv")), 3000)
                os.kill(broker, signal.SIGCONT)
                self.assertEqual(cluster.stop(), 0)
                log = cluster.log()
                self.assertLess(log.index("chw-worker number=4 code=0"),
                                log.index("chw-broker draining"))

    def test_several_brokers_listen_at_an_address_each(self):
        with folder() as place:
            port = free_ports(2)
            fronts = ["tcp://127.0.0.1:%d" % (port + i) for i in range(2)]
            with Cluster(place + "/a", arguments=["--brokers", 2, "--listen",
                                                  ",".join(fronts)]) as cluster:
                publish(cluster.data, 3000)
                for number, front in enumerate(fronts):
                    out = place + "/r%d.csv" % number
                    cluster.chw("score", cluster.data + "-3000.csv", "--region-column",
                                "region", "-o", out, "--broker", front)
                    self.assertEqual(len(table(out)), 3000)
            done = chw("up", "--data", place + "/b", "--brokers", 3, "--listen",
                       ",".join(fronts), code=USAGE)
            self.assertIn("listen has 2 addresses", done.stderr)

    def test_what_cannot_be_listened_on_is_refused(self):
        with folder() as place:
            for endpoint in "tcp://0.0.0.0:17432", "udp://127.0.0.1:1", "nonsense":
                done = chw("up", "--data", place + "/d", "--listen", endpoint, code=USAGE)
                self.assertIn("chw up: ", done.stderr)
            self.assertFalse(os.path.exists(place + "/d"))

    def test_folders_that_cannot_be_are_refused(self):
        with folder() as place:
            done = chw("up", "--data", place + "/" + 100 * "x", code=USAGE)
            self.assertIn("too long for a local socket", done.stderr)
            pathlib.Path(place + "/file").touch()
            done = chw("up", "--data", place + "/file", code=USAGE)
            self.assertIn("not a folder", done.stderr)


class Model(unittest.TestCase):
    def test_versions_are_listed_shown_promoted_and_rolled_back(self):
        with folder() as place:
            data = place + "/data"
            first, second = publish(data, 3000), publish(data, 4000)
            self.assertNotEqual(first, second)
            self.assertEqual(serving(data), {"chd": second})

            table = chw("model", "list", "--data", data).stdout.splitlines()
            self.assertEqual([line.split()[1] for line in table[1:]],
                             [second[:12], first[:12]])
            self.assertIn("champion", table[1])
            self.assertNotIn("champion", table[2])

            shown = chw("model", "show", "chd@champion", "--data", data).stdout
            for word in second, "chd = Yes", "systolic_bp", "auc", "seed 1", "champion":
                self.assertIn(word, shown)
            self.assertEqual(shown, chw("model", "show", "chd", "--data", data).stdout)
            self.assertEqual(shown, chw("model", "show", second[:6], "--data", data).stdout)
            self.assertIn(first, chw("model", "show", first[:8], "--data", data).stdout)

            done = chw("model", "promote", "chd", first[:7], "champion", "--data", data)
            self.assertIn(first[:12], done.stdout)
            self.assertIn(second[:12], done.stdout)
            self.assertEqual(serving(data), {"chd": first})
            chw("model", "rollback", "chd", "champion", "--data", data)
            self.assertEqual(serving(data), {"chd": second})

            chw("model", "promote", "chd", first[:7], "challenger", "--data", data)
            chw("model", "promote", "chd", "chd@challenger", "champion", "--data", data)
            self.assertEqual(serving(data), {"chd": first})
            done = chw("model", "promote", "chd", first, "champion", "--data", data)
            self.assertIn("already", done.stdout)

    def test_what_is_not_there_is_said(self):
        with folder() as place:
            data = place + "/data"
            version = publish(data, 3000)
            for words, code, said in [
                    (["show", "nothing"], NO_INPUT, "no model 'nothing'"),
                    (["show", "chd@nobody"], NO_INPUT, "nobody"),
                    (["show", "CHD@champion"], USAGE, "NAME@ALIAS"),
                    (["show", "ffffff"], NO_INPUT, "no version begins with ffffff"),
                    (["show", version[:5]], NO_INPUT, "first 6"),
                    (["promote", "chd", "abcdef", "champion"], NO_INPUT, "abcdef"),
                    (["promote", "other", version[:8], "champion"], NO_INPUT, version[:8]),
                    (["promote", "chd", version[:8], "No Alias"], USAGE, "No Alias"),
                    (["promote", "chd", version[:8]], USAGE, "expected NAME"),
                    (["rollback", "chd", "champion"], NO_INPUT, "champion"),
                    (["rollback", "chd", "nobody"], NO_INPUT, "nobody"),
                    (["list", "--format", "xml"], USAGE, "xml")]:
                done = chw("model", *words, "--data", data, code=code)
                self.assertIn(said, done.stderr, words)
            self.assertEqual(serving(data), {"chd": version})

    def test_an_ambiguous_prefix_is_refused(self):
        with folder() as place:
            data = place + "/data"
            publish(data, 3000)
            insert_model(data, "chd", b"x", bytes.fromhex("aabbcc00") + bytes(28))
            insert_model(data, "chd", b"y", bytes.fromhex("aabbcc11") + bytes(28))
            done = chw("model", "promote", "chd", "aabbcc", "champion", "--data", data,
                       code=USAGE)
            self.assertIn("2 versions begin with aabbcc", done.stderr)

    def test_a_version_whose_bytes_changed_is_not_promoted(self):
        with folder() as place:
            data = place + "/data"
            first, second = publish(data, 3000), publish(data, 4000)
            with database(data) as store:
                store.execute("update artifact set bytes = ? where version = ?",
                              (b"other bytes", bytes.fromhex(first)))
            done = chw("model", "promote", "chd", first[:8], "champion", "--data", data,
                       code=DATA)
            self.assertIn("not promoted", done.stderr)
            self.assertEqual(serving(data), {"chd": second})

    def test_a_version_that_fails_its_golden_records_is_not_promoted(self):
        with folder() as place:
            data = place + "/data"
            version = publish(data, 3000)
            with database(data) as store:
                good = store.execute("select bytes from artifact where version = ?",
                                     (bytes.fromhex(version),)).fetchone()[0]
            # The artifact ends with its golden probabilities: change the last.
            self.assertEqual(good[-131:-128], b"\x12\x80\x01")
            bad = good[:-4] + struct.pack("<f", 0.999)
            insert_model(data, "chd", bad)
            done = chw("model", "promote", "chd", hashlib.sha256(bad).hexdigest()[:8],
                       "champion", "--data", data, code=DATA)
            self.assertIn("golden", done.stderr)
            self.assertEqual(serving(data), {"chd": version})

    def test_a_store_without_models_says_how_to_get_one(self):
        with folder() as place, Cluster(place + "/data", workers=1) as cluster:
            self.assertIn("chw train", cluster.chw("model", "list").stdout)

    def test_reading_makes_no_store(self):
        with folder() as place:
            for words in ["model", "list"], ["demand"]:
                done = chw(*words, "--data", place + "/none", code=NO_INPUT)
                self.assertIn("there is no store", done.stderr)
            self.assertEqual(os.listdir(place), [])


CELLS = [  # period, region, target, tier, people, sum_p, sum_pq
    (202610, "XA/A", "chd", "low", 5, 1 << 30, 1 << 29),
    (202611, "XA/A", "chd", "high", 2, 5 << 31, 1 << 31),
    (202611, "XA/A", "chd", "low", 1234, 9007199254740993, 1 << 32),
    (202611, "XA/B", "chd", "moderate", 3, 3 << 30, 1 << 30),
    (202611, 'XA/"B"', "diabetes", "low", 7, 1 << 32, 1 << 32),
]


class Demand(unittest.TestCase):
    def fill(self, data):
        publish(data, 3000)  # and its program, which knows the tiers' order
        with database(data) as store:
            store.executemany("insert into demand (period, region, target, tier, people, "
                              "sum_p, sum_pq) values (?, ?, ?, ?, ?, ?, ?)", CELLS)

    def test_the_table_has_regions_totals_and_tiers_in_their_order(self):
        with folder() as place:
            data = place + "/data"
            self.fill(data)
            lines = chw("demand", "--data", data, "--period", "2026-11").stdout.splitlines()
            self.assertEqual(lines[0], "chd, 2026-11")
            self.assertEqual(lines[1].split(),
                             ["region", "people", "expected", "+-", "low", "moderate", "high"])
            expected = (9007199254740993 + (5 << 31)) / 2**32
            self.assertEqual(lines[2].split(),
                             ["XA/A", "1,236", "%.1f" % expected, "1.2", "1,234", "0", "2"])
            self.assertEqual(lines[3].split(), ["XA/B", "3", "0.8", "0.5", "0", "3", "0"])
            self.assertEqual(lines[4].split(), ["all", "regions", "1,239",
                                                "%.1f" % (expected + 0.75), "1.3", "1,234", "3",
                                                "2"])
            self.assertEqual(len({len(line) for line in lines[1:5]}), 1)
            self.assertEqual(lines[6], "diabetes, 2026-11")
            self.assertIn("counts scorings", lines[-1])
            self.assertIn("chd, 2026-10", chw("demand", "--data", data).stdout)

    def test_csv_and_json_have_the_exact_integers(self):
        with folder() as place:
            data = place + "/data"
            self.fill(data)
            out = chw("demand", "--data", data, "--format", "csv").stdout
            rows = [(int(r["period"].replace("-", "")), r["region"], r["target"], r["tier"],
                     int(r["people"]), int(r["sum_p"]), int(r["sum_pq"]))
                    for r in csv.DictReader(out.splitlines())]
            self.assertEqual(sorted(rows), sorted(CELLS))
            out = chw("demand", "--data", data, "--format", "json").stdout
            lines = {(r["period"], r["region"], r["target"]): r
                     for r in json.loads(out)["demand"]}
            self.assertEqual(len(lines), 4)
            line = lines["2026-11", "XA/A", "chd"]
            self.assertEqual(int(line["sum_p"]), 9007199254740993 + (5 << 31))
            self.assertEqual(line["tiers"], {"low": 1234, "moderate": 0, "high": 2})
            self.assertIn(("2026-11", 'XA/"B"', "diabetes"), lines)

    def test_an_empty_store_is_not_an_error(self):
        with folder() as place, Cluster(place + "/data", workers=1) as cluster:
            self.assertIn("no demand yet", cluster.chw("demand").stdout)
            self.assertIn("no demand in that month",
                          cluster.chw("demand", "--period", "2026-11").stdout)
            out = cluster.chw("demand", "--format", "csv").stdout
            self.assertEqual(list(csv.DictReader(out.splitlines())), [])
            out = cluster.chw("demand", "--format", "json").stdout
            self.assertEqual(json.loads(out)["demand"], [])

    def test_bad_requests_are_refused(self):
        with folder() as place:
            for period in "2026", "2026-13", "2026-00", "26-11", "2026-1x", "november":
                done = chw("demand", "--data", place, "--period", period, code=USAGE)
                self.assertIn("2026-11", done.stderr)
            done = chw("demand", "--data", place, "--format", "xml", code=USAGE)
            self.assertIn("table, csv or json", done.stderr)


class Demo(unittest.TestCase):
    def test_a_folder_with_a_store_is_refused(self):
        with folder() as place:
            version = publish(place + "/data", 3000)
            done = chw("demo", "--data", place + "/data", code=TEMPORARY)
            self.assertIn("a folder of its own", done.stderr)
            self.assertEqual(serving(place + "/data"), {"chd": version})

    def test_a_table_that_cannot_be_used_is_refused_before_anything_is_made(self):
        with folder() as place:
            pathlib.Path(place + "/t.csv").write_text("a,b\n1,Yes\n2,No\n")
            given = ["demo", "--data", place + "/d", "--records"]
            for words, code, said in [
                    ([place + "/no.csv", "--region-column", "a", "--target", "b"], NO_INPUT,
                     "no.csv"),
                    ([place + "/t.csv", "--region-column", "z", "--target", "b"], NO_INPUT,
                     "'z'"),
                    ([place + "/t.csv", "--region-column", "a"], USAGE, "--target")]:
                self.assertIn(said, chw(*given, *words, code=code).stderr)
            self.assertEqual(os.listdir(place), ["t.csv"])

    def test_it_scores_and_counts_everyone_by_two_versions(self):
        with folder() as place:
            data, rows = place + "/d", 400000
            done = chw("demo", "--data", data, "--rows", rows)
            with open(data + "/results.csv") as file:
                served = collections.Counter(r["chd_version"] for r in csv.DictReader(file))
            self.assertEqual(sum(served.values()), rows)
            for version, count in served.items():
                self.assertRegex(done.stdout, r"(?m)^%s +%s$" % (version[:12], f"{count:,}"))
            self.assertIn(list(serving(data).values())[0], served)
            # Both serve wherever training is faster than the stream; else it says so.
            self.assertEqual(len(served) < 2, "Only one version" in done.stdout)
            print("demo: %d versions served" % len(served), end=" ", flush=True)

            out = chw("demand", "--data", data, "--format", "csv").stdout
            cells = list(csv.DictReader(out.splitlines()))
            self.assertEqual(sum(int(c["people"]) for c in cells), rows)
            self.assertEqual(len({c["region"] for c in cells}), 12)
            self.assertIn("{:,}".format(rows), done.stdout.partition("all regions  ")[2])
            self.assertIn("synthetic", done.stdout)
            self.assertIn("for demonstration", done.stdout)
            self.assertIn("model 2     boosting", done.stdout)
            shown = chw("plan", "show", "--data", data).stdout
            self.assertIn("clinic_slots", shown)
            self.assertIn(shown, done.stdout)
            self.assertIn("chw-broker number=0 code=0", read(data + "/cluster.log"))

    def test_it_takes_its_processes_with_it(self):
        for number, code in (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9):
            with folder() as place:
                demo = start("chw", "demo", "--data", place + "/d", "--rows", 400000,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                def family():
                    direct = children(demo.pid)
                    return list(direct) + [p for d in direct for p in children(d)]
                wait_until("the stream", lambda: os.path.exists(place + "/d/results.csv.job")
                           or len(family()) >= 5)
                everyone = family()
                demo.send_signal(number)
                self.assertEqual(demo.wait(30), code)
                wait_until("all gone", lambda: not [p for p in everyone if alive(p)])
                self.assertGreaterEqual(len(everyone), 4)

    def test_a_training_that_fails_ends_it_with_the_trainers_sentence(self):
        with folder() as place:
            pathlib.Path(place + "/t.csv").write_text("a,b\n1,Yes\n2,No\n")
            done = chw("demo", "--data", place + "/d", "--records", place + "/t.csv",
                       "--region-column", "a", "--target", "b", code=UNAVAILABLE)
            self.assertIn("too few to learn from", done.stderr)
            self.assertIn("training ended with code 65", done.stderr)
            self.assertIn("chw-broker draining", read(place + "/d/cluster.log"))


if __name__ == "__main__":
    main()
