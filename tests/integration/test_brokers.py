#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: with three brokers nothing is lost and nothing is counted twice, whichever of them dies,
stands still or is replaced while `chw score` runs.

Method: three real brokers, two real workers that are connected to all of them, `chw score` with
the list of their addresses. stream-truth (C) judges results and store."""
import pathlib
import shutil
import signal
import tempfile
import unittest

from stream_cluster import BIN, Cluster, Population, wait_until

BROKERS = 3


class Brokers(Cluster):
    """Clients and workers get the whole list."""

    def endpoint(self, name):
        return ",".join(self.address(name, number) for number in range(BROKERS))

    def address(self, name, number):
        return f"ipc://{self.folder}/{name}{number}.ipc"

    def start_broker_number(self, number):
        return self.start(f"broker{number}", BIN / "chw-broker", "--front",
                          self.address("front", number), "--back",
                          self.address("back", number))

    def drain(self):
        """Workers first; each must end with 0."""
        for name in sorted(self.processes, key=lambda name: name.startswith("broker")):
            code = self.kill(name, signal.SIGTERM)
            if code != 0:
                raise AssertionError(f"{name} ended with {code}:\n{self.log(name)[-3000:]}")


class SeveralBrokers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="chw-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.population = Population(cls.folder)

    def setUp(self):
        self.cluster = Brokers(self.population)
        self.addCleanup(self.cluster.close)
        for number in range(BROKERS):
            self.cluster.start_broker_number(number)
        for name in ("a", "b"):
            self.cluster.start_worker(name)
        self.cluster.start_score()
        self.cluster.wait_people(10000)

    def assert_nothing_lost(self):
        self.cluster.finish_score()
        self.cluster.drain()
        self.cluster.truth()  # raises where demand or results differ

    def test_killed_broker_costs_nothing(self):
        self.cluster.kill("broker1")
        self.assert_nothing_lost()
        self.assertNotIn("no broker answers", self.cluster.log("score"))

    def test_broker_that_stands_still_is_gone_round_and_may_come_back(self):
        broker = self.cluster.processes["broker2"]
        broker.send_signal(signal.SIGSTOP)
        try:
            self.cluster.finish_score()
        finally:
            broker.send_signal(signal.SIGCONT)
        self.cluster.drain()
        self.cluster.truth()

    def test_rolling_restart_of_all_brokers_and_workers_costs_nothing(self):
        for number, (old, new) in enumerate((("a", "c"), ("b", "d"), ("c", "e"))):
            self.assertEqual(self.cluster.kill(f"broker{number}", signal.SIGTERM), 0)
            self.cluster.start_broker_number(number)
            self.cluster.start_worker(new)
            self.assertEqual(self.cluster.kill(old, signal.SIGTERM), 0, self.cluster.log(old))
            more = self.cluster.people() + 5000
            wait_until("more people, or the end", lambda: self.cluster.people() >= more or
                       self.cluster.processes["score"].poll() is not None)
        self.assert_nothing_lost()
        self.assertNotIn("no broker answers", self.cluster.log("score"))
        for name in "abcde":
            self.assertNotIn(" error ", self.cluster.log(name))

    def test_stopped_client_resumes_with_what_is_left_of_the_brokers(self):
        self.assertEqual(self.cluster.kill("score", signal.SIGTERM), 75)
        self.cluster.kill("broker0")
        self.cluster.start_score()
        self.assert_nothing_lost()


if __name__ == "__main__":
    unittest.main()
