# SPDX-License-Identifier: Apache-2.0
"""The cluster of the chaos tests: brokers on TCP, each reached through a bad network of its own,
and stories that end where an undisturbed run ends.

    class Kills(Story):
        def test_something_that_dies(self):
            cluster = self.start(brokers=1, workers="ab")     # all up, and a stream begun
            cluster.wait_people(self.total // 5)
            cluster.kill("a")
            self.assert_same_end()            # results to the byte, demand to the integer

The stream is slowed down by the network, so that it takes a few seconds on any machine and what
a test does comes into the middle of it. When a story fails, the logs of its processes follow."""
import contextlib
import csv
import io
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import sys
import tempfile
import unittest
import urllib.request

from fault_proxy import FaultProxy
from stream_cluster import BIN, TESTS, Cluster, Population, run, wait_until

ROWS = 40000
STREAM_BYTES_PER_S = 400000  # of batches: about 3 s for all of them
LOG_TAIL = 3000
# Quick to notice, so that a story is short; still ten times what a busy machine needs.
QUICK = ("--liveness-ms", 1500, "--lease-ms", 3000)


def raise_limits():
    """As many files as we may have, for us and what we start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    """Below those that the system gives to outgoing connections, which are never free for long:
    a server that is restarted finds its port again."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


def fetch(port, path):
    """The page; empty where nobody answers with 200."""
    with contextlib.suppress(OSError):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.read().decode()
    return ""


def metric(port, name, otherwise=None):
    """`otherwise`: where nobody answers in time."""
    for line in fetch(port, "/metrics").splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    if otherwise is not None:
        return otherwise
    raise AssertionError(f"port {port} has no metric {name}")


def memory_bytes(process):
    with open(f"/proc/{process.pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def descriptor_count(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


class BrokerPorts:
    """Where a broker listens, and the networks that lead there."""

    def __init__(self, stack):
        self.front, self.back, self.metrics = free_port(), free_port(), free_port()
        self.front_net = stack.enter_context(FaultProxy(("127.0.0.1", self.front)))
        self.back_net = stack.enter_context(FaultProxy(("127.0.0.1", self.back)))


def tcp(port):
    return f"tcp://127.0.0.1:{port}"


class TcpCluster(Cluster):
    """Broker N is the process `brokerN`; clients and workers go to all brokers by their networks,
    or where `front` and `back` say."""

    def __init__(self, population, store=None, brokers=1, broker_options=QUICK):
        super().__init__(population, store)
        self.stack = contextlib.ExitStack()
        self.brokers = [BrokerPorts(self.stack) for _ in range(brokers)]
        self.broker_options = broker_options
        self.said = []  # files of what load said

    def endpoint(self, name):
        nets = [broker.front_net if name == "front" else broker.back_net
                for broker in self.brokers]
        return ",".join(tcp(net.address[1]) for net in nets)

    def start_broker(self, number=0):
        broker = self.brokers[number]
        return self.start(f"broker{number}", BIN / "chw-broker", "--front", tcp(broker.front),
                          "--back", tcp(broker.back), "--metrics",
                          f"127.0.0.1:{broker.metrics}", *self.broker_options)

    def start_brokers(self):
        for number in range(len(self.brokers)):
            self.start_broker(number)

    def slow_down(self, bytes_per_s):
        """What all clients together may send to a broker; None: as fast as it goes."""
        for broker in self.brokers:
            broker.front_net.up.set(bytes_per_s=bytes_per_s)

    def start_load(self, name, *options, broker=None):
        """Many clients of libchw; finish_load() tells what they were answered."""
        self.said.append(self.folder / f"{name}.csv")
        self.start(name, TESTS / "chaos-load", self.population.records, "--broker",
                   broker or self.endpoint("front"), *options, said=self.said[-1])

    def finish_load(self, name, seconds=150):
        process = self.processes[name]
        wait_until(f"the clients of {name} have their answers",
                   lambda: process.poll() is not None, seconds)
        del self.processes[name]
        if process.returncode != 0:
            raise AssertionError(f"{name} ended with {process.returncode}:\n"
                                 f"{self.log(name)[-LOG_TAIL:]}")

    def latency(self, name):
        """Milliseconds from sending a batch to its answer: {"p50": 1.0, "p99": 2.0, "max": 3.0}"""
        with open(self.folder / f"{name}.csv") as file:
            words = next(line for line in file if line.startswith("latency_ms")).split(",")
        return dict(zip(("batches", "p50", "p99", "max"), map(float, words[1:])))

    def answered(self):
        """Demand as the clients of start_load() and `chw score` were told it."""
        sums = {}
        for path in self.said:
            with open(path, newline="") as file:
                for row in csv.reader(file):
                    if row[0] == "cell":
                        add(sums, row[1:4], row[4:7])
        return sums

    def counted(self):
        """Demand as the store has it."""
        sums = {}
        said = run(BIN / "chw", "demand", "--format", "csv", "--store", self.store).stdout
        for row in csv.DictReader(io.StringIO(said)):
            add(sums, (row["region"], row["target"], row["tier"]),
                (row["people"], row["sum_p"], row["sum_pq"]))
        return sums

    def close(self):
        super().close()
        self.stack.close()

    def tell_logs(self):
        for path in sorted(self.folder.glob("*.log")):
            print(f"---- {path.name}\n{path.read_text(errors='replace')[-LOG_TAIL:]}",
                  file=sys.stderr)


def add(sums, key, numbers):
    before = sums.get(tuple(key), (0, 0, 0))
    sums[tuple(key)] = tuple(a + int(b) for a, b in zip(before, numbers))


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise_limits()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="chw-", dir="/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.population = Population(cls.folder, ROWS)
        cluster = Cluster(cls.population)
        cls.addClassCleanup(cluster.close)
        cluster.start_broker()
        cluster.start_worker("a")
        cluster.start_score()
        cluster.finish_score()
        cluster.drain()
        cls.baseline_bytes = cluster.results.read_bytes()
        cls.total = cluster.people()

    def make_cluster(self, store=None, **options):
        self.cluster = TcpCluster(self.population, store, **options)
        self.has_ended = False
        self.addCleanup(self.close_cluster)
        return self.cluster

    def close_cluster(self):
        self.cluster.close()
        if not self.has_ended:
            self.cluster.tell_logs()

    def start(self, workers="ab", store=None, **options):
        """All up, and a stream begun that takes a while."""
        cluster = self.make_cluster(store, **options)
        cluster.start_brokers()
        for name in workers:
            cluster.start_worker(name)
        cluster.slow_down(STREAM_BYTES_PER_S)
        cluster.start_score()
        return cluster

    def wait_unheard(self):
        """Until batches are counted whose answers the client has not heard, nor will it: it asks
        again. What they come by must be reset next."""
        for broker in self.cluster.brokers:
            broker.front_net.down.set(blackhole=True)
        self.cluster.wait_people(self.cluster.people() + 1000)

    def let_hear(self):
        for broker in self.cluster.brokers:
            broker.front_net.down.set(blackhole=False)

    def wait_logged(self, name, words, count=1):
        wait_until(f"{name} logs {words!r} {count} times",
                   lambda: self.cluster.log(name).count(words) >= count)

    def assert_same_end(self):
        """The very bytes of the undisturbed run, and its demand."""
        cluster = self.cluster
        cluster.finish_score()
        cluster.drain()
        self.assertTrue(cluster.results.read_bytes() == self.baseline_bytes,
                        "the results differ from those of the undisturbed run")
        self.assertEqual(cluster.people(), self.total)
        truth = cluster.truth()
        self.assertEqual(truth["ok"], truth["records"])
        self.has_ended = True

    def assert_counted_as_answered(self):
        """After start_load(): what was answered is what was counted, to the integer."""
        self.cluster.drain()
        answered, counted = self.cluster.answered(), self.cluster.counted()
        differ = {key: (answered.get(key), counted.get(key))
                  for key in answered.keys() | counted.keys()
                  if answered.get(key) != counted.get(key)}
        self.assertEqual(differ, {}, "(people, sum_p, sum_pq) as answered and as counted")
        self.assertGreater(len(answered), 0)
        self.has_ended = True


def main():
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a timeout cleans up too
    unittest.main(module="__main__", verbosity=2)
