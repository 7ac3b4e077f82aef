# SPDX-License-Identifier: Apache-2.0
"""A cluster of real processes for the integration tests: `chw up` on a folder of its own.

    from cluster import Cluster, chw, folder, main

    class Story(unittest.TestCase):
        def test_it(self):
            with folder() as place, Cluster(place + "/data") as cluster:
                cluster.chw("demand")             # with --data; fails the test unless it exits 0
                os.kill(cluster.workers()[0], signal.SIGKILL)

    main()    # test_story.py BIN_FOLDER [unittest arguments]

Everything waits with a deadline; whatever is started dies with the test."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

READY_S = 30
STOP_S = 30
COMMAND_S = 120

_bin = "build/dev/bin"


def main():
    """Take the folder of the binaries from the command line, then run the tests."""
    global _bin
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        _bin = sys.argv.pop(1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a timeout cleans up too
    unittest.main(module="__main__", verbosity=2)


def program(name):
    return os.path.join(os.path.abspath(_bin), name)


@contextlib.contextmanager
def folder():
    """A new folder, gone afterwards; its path is short: a socket's is at most 107 bytes."""
    path = tempfile.mkdtemp(prefix="chw-", dir="/tmp")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def die_with_parent(number=signal.SIGTERM):
    """For preexec_fn: the child gets a signal when this process ends, however it ends."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def in_child():
        prctl(1, number)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)

    return in_child


def environment(extra=None):
    """Ours without CHW_ settings, so that a developer's own do not reach the tests."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CHW_")}
    return {**clean, **(extra or {})}


def start(*arguments, env=None, **options):
    """A program that runs beside the test: name and arguments. The caller ends it."""
    return subprocess.Popen([program(arguments[0]), *map(str, arguments[1:])], text=True,
                            env=environment(env), preexec_fn=die_with_parent(), **options)


def run(*arguments, timeout=COMMAND_S, env=None, cwd=None):
    """Run to its end; returns CompletedProcess with stdout and stderr as text."""
    return subprocess.run([program(arguments[0]), *map(str, arguments[1:])], text=True,
                          capture_output=True, timeout=timeout, env=environment(env), cwd=cwd,
                          preexec_fn=die_with_parent(signal.SIGKILL))


def chw(*arguments, code=0, **options):
    """Run chw; an AssertionError with all it said unless it exits with `code`."""
    done = run("chw", *arguments, **options)
    if done.returncode != code:
        raise AssertionError("chw %s: code %d, expected %d\n%s%s" % (
            " ".join(map(str, arguments)), done.returncode, code, done.stdout, done.stderr))
    return done


def wait_until(what, condition, seconds=READY_S):
    """Poll `condition` until it is true and return it; AssertionError(what) after a while."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError("after %g s still not: %s" % (seconds, what))
        time.sleep(0.01)


def read(path):
    with open(path) as file:
        return file.read()


def children(pid):
    """{process id: program name} of the children that run."""
    found = {}
    with contextlib.suppress(OSError):
        for child in read("/proc/%d/task/%d/children" % (pid, pid)).split():
            with contextlib.suppress(OSError):
                state = read("/proc/%s/stat" % child).rpartition(")")[2].split()[0]
                if state != "Z":
                    found[int(child)] = read("/proc/%s/comm" % child).strip()
    return found


def alive(pid):
    with contextlib.suppress(OSError):
        return read("/proc/%d/stat" % pid).rpartition(")")[2].split()[0] != "Z"
    return False


class Cluster:
    """`chw up` on a data folder. Its log is DATA.log; it is told when a test fails."""

    def __init__(self, data, workers=2, threads=1, arguments=(), env=None):
        self.data = data
        self.log_path = data + ".log"
        self.arguments = ["--data", data, "--workers", workers, "--threads", threads, *arguments]
        self.env = env
        self.process = None

    def start(self):
        """Start and wait for `ready`; returns self."""
        with open(self.log_path, "a") as log:
            self.process = start("chw", "up", *self.arguments, env=self.env, cwd="/",
                                 stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        self.wait_ready()
        return self

    def wait_ready(self):
        os.set_blocking(self.process.stdout.fileno(), False)
        said = ""

        def ready():
            nonlocal said
            with contextlib.suppress(BlockingIOError, TypeError):
                said += self.process.stdout.read() or ""
            if said.startswith("ready") and said.endswith("\n"):
                return True
            if self.process.poll() is not None:
                raise AssertionError("chw up ended with %d\n%s" %
                                     (self.process.returncode, self.log()))
            return False

        try:
            wait_until("ready", ready)
        except AssertionError:
            self.kill()
            raise

    def log(self):
        with contextlib.suppress(OSError):
            return read(self.log_path)
        return ""

    def chw(self, command, *arguments, **options):
        """A chw command with this cluster's --data. Some take their action first."""
        words = [command, *arguments]
        at = 2 if command in ("model", "plan", "store") else 1
        return chw(*words[:at], "--data", self.data, *words[at:], **options)

    def broker(self):
        """The broker's process id."""
        return wait_until("a broker", lambda: [
            p for p, name in children(self.process.pid).items() if name == "chw-broker"])[0]

    def workers(self):
        """The workers' process ids, those that run."""
        return [p for p, name in children(self.process.pid).items() if name == "chw-worker"]

    def stop(self, number=signal.SIGTERM):
        """Drain; returns the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self, seconds=STOP_S):
        try:
            return self.process.wait(seconds)
        finally:
            self.kill()

    def kill(self):
        """Whatever state it is in: gone, with its children."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.stop()
        if kind is not None:
            print("---- %s\n%s" % (self.log_path, self.log()), file=sys.stderr)
