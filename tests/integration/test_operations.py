# SPDX-License-Identifier: Apache-2.0
"""The daemons as an operator meets them: metrics, health, addresses that are refused.

Method: a broker and a worker on a folder of their own, read over HTTP by urllib and over bare
sockets; promtool, where it is installed, says whether Prometheus will like it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import unittest
import urllib.error
import urllib.request

from cluster import chw, folder, main, run, start, wait_until

ROWS = 2000
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def get(port, path):
    """(code, text); code 0: nobody answers."""
    try:
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=5) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def metrics(port):
    """{name with labels: value}"""
    lines = get(port, "/metrics")[1].splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in lines if not line.startswith("#")}


def send_bytes(port, data):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.settimeout(0.2)
        peer.sendall(data)
        peer.recv(4096)


class Operations(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.place = stack.enter_context(folder())
        self.data, self.people = self.place + "/data", self.place + "/people.csv"
        os.mkdir(self.data)
        chw("generate", "--rows", ROWS, "-o", self.people)
        chw("train", self.people, "--target", "chd", "--name", "chd", "--id-column", "person_id",
            "--drop", "diabetes", "--promote", "champion", "--data", self.data)
        self.broker_port, self.worker_port = free_port(), free_port()
        self.broker = self.daemon("chw-broker", self.broker_port, "--liveness-ms", 60000,
                                  "--drain-ms", 20000)
        self.worker = self.daemon("chw-worker", self.worker_port)
        for port in self.broker_port, self.worker_port:
            wait_until("ready", lambda: get(port, "/health/ready") == (200, "ready\n"))
        wait_until("the broker knows the worker",
                   lambda: metrics(self.broker_port)["chw_broker_workers"] == 1)

    def daemon(self, name, port, *arguments):
        log = open("%s/%s.log" % (self.place, name), "w")
        self.addCleanup(log.close)
        process = start(name, "--metrics", "127.0.0.1:%d" % port, *arguments, cwd=self.data,
                        stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def score_arguments(self):
        return ["score", self.people, "--region-column", "region", "-o",
                self.place + "/results.csv", "--data", self.data]

    def test_metrics_count_the_stream_and_please_promtool(self):
        chw(*self.score_arguments())
        wait_until("the broker's counters are published", lambda: metrics(self.broker_port)[
            "chw_broker_replies_forwarded_total"] > 0)
        wait_until("all records are told", lambda: metrics(self.worker_port)[
            "chw_worker_records_total"] == ROWS)
        broker, worker = metrics(self.broker_port), metrics(self.worker_port)
        batches = worker["chw_worker_batches_total"]
        self.assertGreater(batches, 0)
        self.assertEqual(worker["chw_worker_settlement_seconds_count"], batches)
        self.assertEqual(worker["chw_worker_scoring_seconds_count"], batches)
        self.assertGreater(worker["chw_worker_scoring_seconds_sum"], 0)
        self.assertGreater(worker["chw_worker_snapshot_generation"], 0)
        self.assertEqual(worker["chw_worker_store_away"], 0)
        self.assertEqual(worker["chw_worker_store_setbacks_total"], 0)
        self.assertEqual(broker["chw_broker_workers"], 1)
        self.assertEqual(broker["chw_broker_queue_batches"], 0)
        self.assertEqual(broker["chw_broker_queue_oldest_age_seconds"], 0)
        for port in self.broker_port, self.worker_port:
            text = get(port, "/metrics")[1]
            self.assertNotIn("person", text)
            self.assertIn('_build_info{version="', text)
            if PROMTOOL is None:
                print("promtool is not installed: the format is not checked")
                continue
            checked = subprocess.run([PROMTOOL, "check", "metrics"], input=text, text=True,
                                     capture_output=True, timeout=30)
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def start_client(self):
        client = start(*["chw", *self.score_arguments()], stderr=subprocess.DEVNULL)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)

    def wait_for_broker(self, name, least):
        wait_until("%s >= %g" % (name, least), lambda: metrics(self.broker_port)[name] >= least)

    def test_what_waits_without_a_worker_grows_old(self):
        self.worker.send_signal(signal.SIGTERM)
        self.assertEqual(self.worker.wait(30), 0)
        self.start_client()
        self.wait_for_broker("chw_broker_queue_oldest_age_seconds", 0.3)
        seen = metrics(self.broker_port)
        self.assertEqual(seen["chw_broker_queue_batches"], 1)  # what the client asks first
        self.assertGreater(seen["chw_broker_queue_bytes"], 0)
        self.assertEqual((seen["chw_broker_workers"], seen["chw_broker_leased_batches"]), (0, 0))

    def test_draining_is_not_ready_but_live(self):
        os.kill(self.worker.pid, signal.SIGSTOP)
        self.start_client()
        self.wait_for_broker("chw_broker_leased_batches", 1)
        self.broker.send_signal(signal.SIGTERM)
        wait_until("not ready", lambda: get(self.broker_port, "/health/ready") ==
                   (503, "not ready\n"))
        self.assertEqual(get(self.broker_port, "/health/live"), (200, "live\n"))
        os.kill(self.worker.pid, signal.SIGCONT)
        self.assertEqual(self.broker.wait(30), 0)
        wait_until("a worker without a broker is not ready",
                   lambda: get(self.worker_port, "/health/ready")[0] == 503)
        self.worker.send_signal(signal.SIGTERM)
        self.assertEqual(self.worker.wait(30), 0)

    def test_what_is_not_http_does_no_harm(self):
        for port in self.broker_port, self.worker_port:
            for data in (b"\x00\xff" * 4000, b"GET", b"GET /metrics HTTP/9.9\r\n\r\n", b"\r\n\r\n",
                         b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
                         b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"):
                send_bytes(port, data)
            self.assertEqual(get(port, "/metrics/../../etc/passwd")[0], 404)
            self.assertEqual(get(port, "/")[0], 404)
            self.assertEqual(get(port, "/health/ready")[0], 200)

    def test_a_configuration_is_checked_and_printed_with_its_sources(self):
        done = run("chw-worker", "--print-config", "--threads", 3, "--store",
                   "redis://u:geheim@h/0", cwd=self.place, env={"CHW_WINDOW": "7"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for line in ("threads: 3  # --threads", "window: 7  # CHW_WINDOW",
                     "store-wait-ms: 30000  # default", "# metrics:   # not set",
                     'store: "redis://***@h/0"  # --store'):
            self.assertIn(line, done.stdout.splitlines())
        self.assertNotIn("geheim", done.stdout)
        path = self.place + "/printed.yaml"
        with open(path, "w") as file:
            file.write(done.stdout)
        again = run("chw-worker", "--check-config", "--config", path, cwd=self.place)
        self.assertEqual((again.returncode, again.stdout, again.stderr), (0, "", ""))
        bad = run("chw-broker", "--check-config", "--front", "tcp://0.0.0.0:1", cwd=self.place)
        self.assertNotEqual(bad.returncode, 0)
        self.assertIn("front", bad.stderr)
        self.assertEqual(os.listdir(self.place).count("front.ipc"), 0)

    def test_a_log_in_json_is_one_object_a_line(self):
        done = run("chw-broker", "--log-format", "json", "--front", 'ipc://no"where\\/\u00e9',
                   cwd=self.place)
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        self.assertEqual({"time", "level", "program", "event", "fields"}, set(lines[-1]))
        self.assertEqual((lines[-1]["level"], lines[-1]["event"]), ("error", "ended"))
        self.assertIn('no"where\\/', lines[-1]["fields"])
        done = run("chw-worker", "--log-format", "xml", cwd=self.place)
        self.assertIn("log-format is 'xml'; expected text or json", done.stderr)

    def test_addresses_are_refused_by_name(self):
        for name in "chw-broker", "chw-worker":
            done = run(name, "--metrics", "0.0.0.0:9101", cwd=self.place)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("metrics: 0.0.0.0:9101 is not loopback", done.stderr)
        done = run("chw-worker", "--metrics", "127.0.0.1:%d" % self.broker_port, cwd=self.data)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("cannot serve metrics on 127.0.0.1:%d" % self.broker_port, done.stderr)


main()
