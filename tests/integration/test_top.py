# SPDX-License-Identifier: Apache-2.0
"""Goal: chw top shows what a real cluster does: its workers, the stream's regions and rates, the
versions during a promotion; a broker that goes and comes back; several brokers together, also when
one does not answer; and a terminal is given back as it was.
Method: chw up, chw score and chw model promote beside chw top; a pseudo-terminal for the screen."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

from cluster import Cluster, chw, die_with_parent, environment, folder, main, program, start, \
    wait_until

USAGE, UNAVAILABLE = 64, 69
ROWS = 20000
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


def top(place, *arguments, **options):
    done = chw("top", "--data", place, "--once", "--format", "json", *arguments, **options)
    return json.loads(done.stdout)


def publish(data, rows, alias):
    table = "%s-%d.csv" % (data, rows)
    chw("generate", "--rows", rows, "-o", table)
    done = chw("train", table, "--target", "chd", "--name", "chd", "--id-column", "person_id",
               "--drop", "diabetes", "--promote", alias, "--data", data)
    return re.search(r"\b[0-9a-f]{64}\b", done.stdout.partition("version")[2]).group()


class Terminal:
    """chw top in a pseudo-terminal."""

    def __init__(self, *arguments, rows=24, columns=100):
        self.master, self.slave = pty.openpty()
        self.said = ""
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            die()

        die = die_with_parent()
        self.process = subprocess.Popen(
            [program("chw"), "top", *arguments], stdin=self.slave, stdout=self.slave,
            stderr=self.slave, env=environment(), preexec_fn=own_terminal)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.said += os.read(self.master, 65536).decode()
            except OSError:
                break
        return self.said

    def screen(self):
        """The lines of the last whole screen."""
        drawn = re.findall(r"\x1b\[H(.*?)\x1b\[J", self.read(), re.S)
        return drawn[-1].replace("\x1b[K", "").split("\r\n") if drawn else []

    def wait_for(self, text, seconds=20):
        wait_until("%r on the screen" % text,
                   lambda: any(text in line for line in self.screen()), seconds)

    def press(self, key):
        os.write(self.master, key.encode())

    def end(self):
        """The exit code; the terminal must be as it was."""
        def ended():
            self.read()
            return self.process.poll() is not None
        wait_until("chw top ended", ended, 10)
        self.read()
        after = termios.tcgetattr(self.slave)
        if after != self.before:
            raise AssertionError("the terminal has other modes than before")
        if not self.said.endswith("\x1b[?25h" + LEAVE) or self.said.count(ENTER) != 1:
            raise AssertionError("the other screen was not left: %r" % self.said[-60:])
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


class Top(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.stack = stack
        self.place = stack.enter_context(folder())

    def cluster(self, **options):
        return self.stack.enter_context(Cluster(self.place + "/data", **options))

    def terminal(self, *arguments, **options):
        terminal = Terminal(*arguments, **options)
        self.addCleanup(terminal.close)
        return terminal

    def front(self, number=""):
        return "ipc://%s/front%s.ipc" % (self.place, number)

    def broker(self, number=""):
        log = self.stack.enter_context(open(self.place + "/broker.log", "a"))
        process = start("chw-broker", "--front", self.front(number), "--back",
                        "ipc://%s/back%s.ipc" % (self.place, number), stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_stream_and_promotion_are_seen(self):
        data = self.place + "/data"
        first, second = publish(data, 3000, "champion"), publish(data, 4000, "next")
        cluster = self.cluster(workers=2)

        def serving():
            return {w["serving"] for w in top(data)["workers"]}

        wait_until("both serve the first", lambda: serving() == {"chd=" + first[:12]})
        people = self.place + "/people.csv"
        chw("generate", "--rows", ROWS, "-o", people)
        cluster.chw("score", people, "--region-column", "region", "-o",
                    self.place + "/results.csv")

        # A worker tells its records with a heartbeat.
        wait_until("all records", lambda: sum(
            w["records"] for w in top(data)["workers"]) == ROWS)
        report = top(data)
        self.assertEqual(len(report["workers"]), 2)
        self.assertEqual({w["release"] for w in report["workers"]}, {report["version"]})
        self.assertEqual(report["queued"] + report["leased"] + report["bytes"], 0)
        self.assertEqual(sum(r["answered"] for r in report["regions"]), report["answered"])
        self.assertEqual(sum(w["answered"] for w in report["workers"]), report["answered"])
        self.assertGreater(len([r for r in report["regions"] if r["name"] != "-"]), 1)
        self.assertGreater(sum(r["answered_bytes"] for r in report["regions"]), ROWS)
        self.assertTrue(all(w["state"] == "working" for w in report["workers"]))
        self.assertIsNone(report["batches_per_s"])

        cluster.chw("model", "promote", "chd", second, "champion")
        wait_until("both serve the second", lambda: serving() == {"chd=" + second[:12]}, 10)

    def test_stopped_worker_shows_the_version_it_has_still(self):
        data = self.place + "/data"
        first, second = publish(data, 3000, "champion"), publish(data, 4000, "next")
        cluster = self.cluster(workers=2)
        wait_until("both serve", lambda: [w["serving"] for w in top(data)["workers"]] ==
                   ["chd=" + first[:12]] * 2)
        stopped = cluster.workers()[0]
        os.kill(stopped, signal.SIGSTOP)
        try:
            cluster.chw("model", "promote", "chd", second, "champion")
            wait_until("one serves the second, one the first", lambda: sorted(
                w["serving"] for w in top(data)["workers"]) ==
                sorted("chd=" + v[:12] for v in (first, second)), 10)
        finally:
            os.kill(stopped, signal.SIGCONT)
        wait_until("both serve the second", lambda: [
            w["serving"] for w in top(data)["workers"]] == ["chd=" + second[:12]] * 2)

    def test_reports_come_one_below_the_other_with_rates_without_a_terminal(self):
        self.broker()
        watcher = start("chw", "top", "--data", self.place, "--format", "json",
                        stdout=subprocess.PIPE)
        self.addCleanup(watcher.stdout.close)
        self.addCleanup(watcher.wait)
        self.addCleanup(watcher.kill)
        first, second = json.loads(watcher.stdout.readline()), json.loads(
            watcher.stdout.readline())
        self.assertIsNone(first["batches_per_s"])
        self.assertEqual(second["batches_per_s"], 0)
        self.assertGreater(second["uptime_ms"], first["uptime_ms"])

    def test_several_brokers_are_summed(self):
        data = self.place + "/data"
        publish(data, 3000, "champion")
        cluster = self.cluster(workers=2, arguments=["--brokers", 2])
        people = self.place + "/people.csv"
        chw("generate", "--rows", ROWS, "-o", people)
        cluster.chw("score", people, "--region-column", "region", "--batch", 100, "-o",
                    self.place + "/results.csv")
        wait_until("all records", lambda: sum(
            w["records"] for w in top(data)["workers"]) == ROWS)
        report = top(data)
        self.assertEqual([b["address"] for b in report["brokers"]],
                         ["ipc://%s/front%s.ipc" % (data, n) for n in ("", "2")])
        for broker in report["brokers"]:
            self.assertIsNone(broker["trouble"])
            self.assertGreater(broker["answered"], 0)
        self.assertEqual(sum(b["answered"] for b in report["brokers"]), report["answered"])
        self.assertEqual(sum(r["answered"] for r in report["regions"]), report["answered"])
        self.assertEqual(sum(w["answered"] for w in report["workers"]), report["answered"])
        self.assertEqual(len(report["workers"]), 2)
        self.assertEqual(len({r["name"] for r in report["regions"]}), len(report["regions"]))
        self.assertNotIn("instance", report)
        first = top(data, "--broker", report["brokers"][0]["address"])
        self.assertEqual(first["instance"], report["brokers"][0]["instance"])
        self.assertEqual(first["answered"], report["brokers"][0]["answered"])

    def test_broker_that_does_not_answer_is_named_and_the_others_are_shown(self):
        self.broker()
        both = self.front() + "," + self.front(2)
        said = chw("top", "--once", "--broker", both, "--interval-s", 60).stdout
        self.assertIn("1 of 2 brokers answer\n", said)
        self.assertRegex(said, re.escape(self.front()) + " +serving ")
        self.assertRegex(said, re.escape(self.front(2)) + " +no answer since ")
        terminal = self.terminal("--broker", both, columns=200)
        terminal.wait_for("1 of 2 brokers answer")
        terminal.wait_for("no answer since")
        second = self.broker(2)
        terminal.wait_for("2 of 2 brokers answer")
        second.send_signal(signal.SIGSTOP)
        terminal.wait_for("1 of 2 brokers answer")
        second.send_signal(signal.SIGCONT)
        terminal.wait_for("2 of 2 brokers answer")
        terminal.press("q")
        self.assertEqual(terminal.end(), 0)

    def test_reports_of_several_brokers_go_on_without_the_silent_one(self):
        self.broker()
        watcher = start("chw", "top", "--broker", self.front() + "," + self.front(2), "--format",
                        "json", stdout=subprocess.PIPE)
        self.addCleanup(watcher.stdout.close)
        self.addCleanup(watcher.wait)
        self.addCleanup(watcher.kill)
        reports = [json.loads(watcher.stdout.readline()) for _ in range(4)]
        uptimes = [report["brokers"][0]["uptime_ms"] for report in reports]
        gaps = [after - before for before, after in zip(uptimes, uptimes[1:])]
        self.assertGreater(min(gaps), 0)
        self.assertLess(min(gaps), 3000)  # one a second, not when a deadline is over
        self.assertEqual([report["brokers"][1]["trouble"] for report in reports],
                         ["no answer"] * 4)

    def test_no_broker_is_a_sentence_and_a_code(self):
        began = time.monotonic()
        done = chw("top", "--once", "--data", self.place, code=UNAVAILABLE)
        self.assertIn("no broker answers at ipc://%s/front.ipc" % self.place, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertLess(time.monotonic() - began, 10)
        done = chw("top", "--once", "--format", "xml", code=USAGE)
        self.assertIn("expected table or json", done.stderr)
        done = chw("top", "--broker", "tcp://192.0.2.1:7000", "--once", code=USAGE)
        self.assertIn("loopback", done.stderr)

    def test_screen_draws_reacts_to_keys_and_the_window_and_is_given_back(self):
        self.broker()
        terminal = self.terminal("--data", self.place)
        terminal.wait_for("broker ")
        terminal.wait_for("0.0 batches/s")  # the second report
        self.assertIn(ENTER, terminal.said)
        self.assertTrue(any(line.startswith("region") for line in terminal.screen()))
        terminal.resize(5, 20)
        wait_until("a small screen", lambda: len(terminal.screen()) <= 5 and max(
            map(len, terminal.screen())) <= 20)
        terminal.press("q")
        self.assertEqual(terminal.end(), 0)

    def test_signals_give_the_terminal_back(self):
        self.broker()
        for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
            terminal = self.terminal("--data", self.place)
            terminal.wait_for("broker ")
            terminal.process.send_signal(number)
            self.assertEqual(terminal.end(), 0, number)
        terminal = self.terminal("--data", self.place)
        terminal.wait_for("broker ")
        terminal.press("\x03")  # Ctrl-C
        self.assertEqual(terminal.end(), 0)

    def test_screen_says_that_the_broker_is_away_and_goes_on_with_the_next(self):
        terminal = self.terminal("--data", self.place)
        terminal.wait_for("no broker answers")
        broker = self.broker()
        terminal.wait_for("serving, up")
        broker.kill()
        broker.wait()
        terminal.wait_for("what follows is old")
        self.broker()
        wait_until("a fresh screen", lambda: terminal.screen() and
                   terminal.screen()[0].startswith("broker "), 20)
        terminal.press("q")
        self.assertEqual(terminal.end(), 0)


main()
