# SPDX-License-Identifier: Apache-2.0
"""Goal: with a Redis for a store, each program does what it does with a file, and says in a
sentence what such a Redis lacks; chw store check and copy do what they say.
Method: real processes, a redis-server per test with a password that must not be seen."""

import contextlib
import signal
import unittest

from cluster import chw, folder, main, read, run, start, wait_until
from redis_server import RedisServer

ROWS = 3000
UNAVAILABLE, TEMPORARY = 69, 75
PASSWORD, ENCODED = "hush/hush", ":hush%2Fhush"


def address(redis, user):
    return redis.url.replace("//", "//%s@" % user, 1)


class StoreCommands(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.place = stack.enter_context(folder())
        self.stack, self.people, self.jobs = stack, self.place + "/people.csv", 0
        chw("generate", "--rows", ROWS, "-o", self.people)

    def redis(self, *options, password=PASSWORD):
        words = ("--requirepass", password) if password else ()
        return self.stack.enter_context(
            RedisServer(self.place, "--appendfsync", "always", *words, *options))

    def train(self, *store, **options):
        return chw("train", self.people, "--target", "chd", "--name", "chd", "--id-column",
                   "person_id", "--drop", "diabetes", "--promote", "champion", *store, **options)

    def daemon(self, name, *arguments, env=None):
        log = self.stack.enter_context(open("%s/%s.log" % (self.place, name), "a"))
        process = start(name, *arguments, cwd=self.place, stderr=log, env=env)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def score(self, env):
        """A new job: the people through a broker and a worker; the demand in csv."""
        ends, self.jobs = [], self.jobs + 1
        for name in "chw-broker", "chw-worker":
            ends.append(self.daemon(name, env=env))
        chw("score", self.people, "--region-column", "region", "-o",
            "%s/results-%d.csv" % (self.place, self.jobs), "--broker",
            "ipc://%s/front.ipc" % self.place, env=env)
        for process in reversed(ends):
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(30), 0)
        return chw("demand", "--format", "csv", env=env).stdout

    def test_a_stream_is_counted_alike_in_redis_and_in_a_file(self):
        redis, counted = self.redis(), []
        for url in "sqlite:%s/store.db" % self.place, address(redis, ENCODED):
            env = {"CHW_STORE": url}
            self.train(env=env)
            counted.append(self.score(env))
        self.assertEqual(counted[0], counted[1])
        self.assertEqual(sum(int(line.split(",")[4]) for line in counted[0].splitlines()[1:]),
                         ROWS)
        redis.stop(signal.SIGKILL)  # appendfsync always: all of it is on disk
        redis.start()
        self.assertEqual(chw("demand", "--format", "csv", env=env).stdout, counted[1])
        for name in "chw-worker", "chw-broker":
            self.assertNotIn("hush", read("%s/%s.log" % (self.place, name)))

    def test_copy_there_and_back_is_the_same(self):
        redis = self.redis()
        first, other = "sqlite:%s/store.db" % self.place, "sqlite:%s/other.db" % self.place
        self.train("--store", first)
        self.score({"CHW_STORE": first})
        said = [chw("store", "copy", first, address(redis, ENCODED)),
                chw("store", "copy", address(redis, ENCODED), other)]
        self.assertEqual(said[0].stdout, said[1].stdout)
        self.assertRegex(said[0].stdout, r"copied and compared: 2 artifacts of \d+ bytes, 2 moves")
        self.assertIn("comparing", said[0].stderr)
        shown = [[chw(*words, "--store", url).stdout for words in (
            ("demand", "--format", "csv"), ("model", "list"), ("model", "show", "chd@champion"))]
            for url in (first, address(redis, ENCODED), other)]
        self.assertEqual(shown[0], shown[1])
        self.assertEqual(shown[0], shown[2])
        again = chw("store", "copy", first, address(redis, ENCODED), code=TEMPORARY)
        self.assertIn("is not empty: a copy needs an empty store", again.stderr)
        self.assertNotIn("hush", again.stderr)

    def test_copy_that_was_killed_is_begun_again(self):
        redis = self.redis()
        first = "sqlite:%s/store.db" % self.place
        self.train("--store", first)
        redis.ask("AUTH %s\r\nHSET chw:meta format 0 store %s generation 0 commits 0" % (
            PASSWORD, 32 * "0"))
        refused = chw("demand", "--store", address(redis, ENCODED), code=UNAVAILABLE)
        self.assertIn("run `chw store copy` into it again", refused.stderr)
        chw("store", "copy", first, address(redis, ENCODED))
        chw("demand", "--store", address(redis, ENCODED))

    def test_check_says_what_is_missing_and_the_worker_refuses_it(self):
        redis = self.redis("--appendonly", "no", "--maxmemory", "1gb", "--maxmemory-policy",
                           "allkeys-lru")
        env = {"CHW_STORE": address(redis, ENCODED)}
        checked = chw("store", "check", env=env, code=UNAVAILABLE)
        self.assertRegex(checked.stdout, r"append-only file +MISSING .*appendonly yes")
        self.assertRegex(checked.stdout, r"memory +MISSING .*noeviction")
        self.assertIn("refuse to settle", checked.stderr)
        refused = run("chw-worker", env=env)
        self.assertEqual(refused.returncode, UNAVAILABLE)
        self.assertIn("no append-only file", refused.stderr)
        worker = self.daemon("chw-worker", "--store-durability", "weak", env=env)
        wait_until("serving", lambda: " serving " in read(self.place + "/chw-worker.log"))
        worker.send_signal(signal.SIGTERM)
        self.assertEqual(worker.wait(30), 0)
        for change in "appendonly yes", "maxmemory-policy noeviction":
            redis.ask("AUTH %s\r\nCONFIG SET %s" % (PASSWORD, change))
        checked = chw("store", "check", env=env)
        self.assertNotIn("MISSING", checked.stdout)
        self.assertIn("workers settle in this store", checked.stdout)
        for said in checked, refused:
            self.assertNotIn("hush", said.stdout + said.stderr)

    def test_check_of_a_file(self):
        store = "sqlite:%s/store.db" % self.place
        self.train("--store", store)
        checked = chw("store", "check", "--store", store)
        self.assertRegex(checked.stdout, r"journal +journal_mode wal, synchronous FULL")
        self.assertRegex(checked.stdout, r"models +1 versions")

    def test_wrong_addresses_are_told_without_the_password(self):
        redis = self.redis()
        for url, expected in (
                (redis.url, "needs a password"),
                (address(redis, ":wrong-hush"), "password is wrong"),
                (address(redis, ENCODED) + "?db=77", "no database of that number"),
                ("redis://:hush@127.0.0.1:1", "redis://127.0.0.1:1/0: Connection refused"),
                ("redis://:hush@nosuchhost.invalid", "nosuchhost.invalid")):
            for words in ("demand",), ("store", "check"), ("model", "list"):
                said = chw(*words, "--store", url, code=UNAVAILABLE)
                self.assertIn(expected, said.stderr)
                self.assertNotIn("hush", said.stdout + said.stderr.replace("nosuchhost", ""))
        said = chw("demand", "--store", "redis://:hush@h:x", code=64)
        self.assertIn("its port is not 1 to 65535", said.stderr)
        shown = run("chw-worker", "--print-config", env={"CHW_STORE": address(redis, ENCODED)})
        self.assertIn("redis://***@", shown.stdout)
        self.assertNotIn("hush", shown.stdout + shown.stderr)


if __name__ == "__main__":
    main()
