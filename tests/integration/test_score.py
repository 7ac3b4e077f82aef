# SPDX-License-Identifier: Apache-2.0
"""Goal: chw score gives each row a result or says in a sentence why it cannot, and never counts
a record twice; libchw's documented program works against the installed library.
Method: `chw up` once, trained on synthetic people; then what a person would type, on small
tables made here. What was counted is read from the store."""

import contextlib
import csv
import json
import math
import os
import pathlib
import re
import resource
import signal
import sqlite3
import subprocess
import unittest

from cluster import (Cluster, chw, environment, folder, main, program, read, start,
                     wait_until)

USAGE, DATA, NO_INPUT, TEMPORARY = 64, 65, 66, 75
GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "libchw.md"


def rows_of(path):
    return list(csv.DictReader(read(path).splitlines()))


class Score(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = cls.enterClassContext(folder())
        cls.people = cls.home + "/people.csv"
        chw("generate", "--rows", 3000, "--seed", 5, "-o", cls.people)
        cls.cluster = cls.enterClassContext(Cluster(cls.home + "/data", workers=1))
        for name, other in ("chd", "diabetes"), ("diabetes", "chd"):
            cls.cluster.chw("train", cls.people, "--target", name, "--name", name, "--id-column",
                            "person_id", "--drop", other, "--promote", "champion")

    def setUp(self):
        self.place = self.enterContext(folder())
        self.results = self.place + "/results.csv"

    def score(self, *arguments, table=None, code=0):
        return self.cluster.chw("score", table or self.people, "--region-column", "region", "-o",
                                self.results, *arguments, code=code)

    def table(self, lines, name="few.csv"):
        path = self.place + "/" + name
        pathlib.Path(path).write_text("".join(line + "\n" for line in lines))
        return path

    def head(self, rows):
        return read(self.people).splitlines()[:rows + 1]

    def counted(self):
        with contextlib.closing(sqlite3.connect(self.home + "/data/store.db")) as store:
            return store.execute("SELECT coalesce(sum(people), 0) FROM demand "
                                 "WHERE target = 'chd'").fetchone()[0]

    @contextlib.contextmanager
    def counts(self, people):
        before = self.counted()
        yield
        self.assertEqual(self.counted() - before, people)

    # ---- results ----

    def test_each_row_has_its_result_in_input_order(self):
        with self.counts(3000):
            done = self.score("--batch-rows", 100)
        rows = rows_of(self.results)
        self.assertEqual([int(row["row"]) for row in rows], list(range(1, 3001)))
        for row, person in zip(rows, rows_of(self.people)):
            self.assertEqual((row["region"], row["status"]), (person["region"], "ok"))
            for target in "chd", "diabetes":
                self.assertRegex(row[target + "_version"], r"^[0-9a-f]{64}$")
                self.assertTrue(0 <= float(row[target + "_probability"]) <= 1)
        self.assertRegex(done.stderr, r"3000 records, 3000 ok, 0 invalid, 0 dead, in \d+ batches")
        self.assertFalse(os.path.exists(self.results + ".part"))

    def test_a_bad_cell_costs_its_own_row_only(self):
        lines = self.head(6)
        columns = lines[0].split(",")
        cells = [line.split(",") for line in lines[1:]]
        cells[0][columns.index("age")] = "forty"
        cells[1][columns.index("sex")] = "robot"
        cells[2][columns.index("region")] = ""
        cells[3][columns.index("region")] = "x" * 64
        table = self.table([lines[0], *map(",".join, cells)])
        with self.counts(2):
            done = self.score(table=table)
        states = [row["status"] for row in rows_of(self.results)]
        self.assertEqual(states[0], "invalid: age: not a number")
        self.assertEqual(states[1], "invalid: sex: unknown category")
        for state in states[2:4]:
            self.assertTrue(state.startswith("invalid: region: "), state)
        self.assertEqual(states[4:], ["ok", "ok"])
        self.assertEqual(rows_of(self.results)[0]["chd_probability"], "")
        self.assertIn("6 records, 2 ok, 4 invalid, 0 dead", done.stderr)
        self.assertNotIn("forty", done.stderr)

    def test_one_model_can_be_chosen(self):
        self.score("--model", "diabetes@champion", table=self.table(self.head(5)))
        self.assertEqual(list(rows_of(self.results)[0]), [
            "row", "region", "status", "diabetes_probability", "diabetes_tier",
            "diabetes_version"])

    # ---- factors ----

    FACTORS = ["base", "factor1", "contribution1", "factor2", "contribution2"]

    def test_factors_say_what_raised_and_lowered_each_score(self):
        said = self.score("--explain", 2, "--what-if", "--model", "chd@champion", "--model",
                          "diabetes@champion").stderr
        rows = rows_of(self.results)
        self.assertEqual(list(rows[0])[6:11], ["chd_" + name for name in self.FACTORS])
        self.assertEqual(list(rows[0])[14:], ["diabetes_" + name for name in self.FACTORS])
        self.assertRegex(said, r"chd [0-9a-f]{12} scored 3000 records; contributions in log-odds")
        columns = set(rows_of(self.people)[0])
        for row in rows:
            first, second = (float(row["chd_contribution%d" % k]) for k in (1, 2))
            self.assertGreaterEqual(abs(first), abs(second))
            self.assertLess({row["chd_factor1"], row["chd_factor2"]}, columns)
        old = [row for row, person in zip(rows, rows_of(self.people)) if int(person["age"]) > 75]
        self.assertTrue(all(row["chd_factor1"] == "age" and float(row["chd_contribution1"]) > 0
                            for row in old[:20]), old[:20])

    def test_all_factors_and_the_base_add_up_to_the_log_odds(self):
        self.score("--explain", 16, "--what-if", "--model", "chd@champion")
        for row in rows_of(self.results):
            p = float(row["chd_probability"])
            parts = [row["chd_contribution%d" % k] for k in range(1, 17)]
            margin = float(row["chd_base"]) + sum(float(part) for part in parts if part)
            self.assertAlmostEqual(margin, math.log(p / (1 - p)), delta=2e-5)

    def test_scores_are_the_same_with_factors_and_without(self):
        self.score("--what-if")
        plain = rows_of(self.results)
        self.score("--what-if", "--explain", 1)
        for row, same in zip(rows_of(self.results), plain):
            self.assertLessEqual(same.items(), row.items())

    def test_invalid_record_has_no_factors(self):
        lines = self.head(2)
        cells = lines[1].split(",")
        cells[lines[0].split(",").index("age")] = "forty"
        self.score("--explain", 2, table=self.table([lines[0], ",".join(cells), lines[2]]))
        bad, good = rows_of(self.results)
        self.assertEqual({bad["chd_" + name] for name in self.FACTORS}, {""})
        self.assertNotIn("", {good["chd_" + name] for name in self.FACTORS})

    def test_number_of_factors_has_bounds_and_belongs_to_the_job(self):
        for wrong, says in (("17", "from 0 to 16"), ("-1", "from 0 to 16"), ("few", "0 to 16")):
            self.assertIn(says, self.score("--explain", wrong, code=USAGE).stderr)
        said = self.score("--explain", 16, "--batch-rows", 8193, code=USAGE).stderr
        self.assertIn("--batch-rows times --explain is at most 131072", said)
        with self.counts(3000):
            self.score("--explain", 1)
            said = self.score(code=USAGE).stderr
            self.assertIn("--explain differs (it was \"1\", now \"\")", said)
            self.assertIn("is complete", self.score("--explain", 1).stderr)

    def narrow(self):
        """Two people of whom only these are known: person_id, region, age, sex."""
        return self.table([",".join(line.split(",")[:4]) for line in self.head(2)])

    def test_absent_columns_are_missing_and_one_warning_line_names_them(self):
        said = self.score(table=self.narrow()).stderr
        warnings = [line for line in said.splitlines() if "has no such column" in line]
        self.assertEqual(len(warnings), 1)
        for column in "bmi", "smoking", "income":
            self.assertIn(column, warnings[0])
        self.assertEqual(len(rows_of(self.results)), 2)

    def test_absent_columns_that_are_required_are_all_listed(self):
        dictionary = self.table(["columns:", "  bmi: {required: true}",
                                 "  smoking: {required: true}"], "columns.yaml")
        self.cluster.chw("train", self.people, "--target", "chd", "--name", "strict",
                         "--id-column", "person_id", "--drop", "diabetes", "--dictionary",
                         dictionary, "--promote", "strict")
        self.refused(NO_INPUT, "a model requires: bmi, smoking", "--model", "strict@strict",
                     table=self.narrow())

    # ---- the job ----

    def test_a_finished_job_is_complete_and_counts_again_only_when_told(self):
        table = self.table(self.head(50))
        with self.counts(50):
            self.score(table=table)
        first = pathlib.Path(self.results).read_bytes()
        with self.counts(0):
            self.assertIn("is complete", self.score(table=table).stderr)
        with self.counts(50):
            self.assertIn("counted again", self.score("--new-job", table=table).stderr)
        self.assertEqual(pathlib.Path(self.results).read_bytes(), first)

    def test_lost_results_are_written_again_from_the_journal(self):
        table = self.table(self.head(50))
        self.score(table=table)
        first = pathlib.Path(self.results).read_bytes()
        os.unlink(self.results)
        with self.counts(0):
            self.assertIn("written again", self.score(table=table).stderr)
        self.assertEqual(pathlib.Path(self.results).read_bytes(), first)

    def test_a_lost_journal_is_refused_and_not_counted_again(self):
        table = self.table(self.head(50))
        self.score(table=table)
        os.unlink(self.results)
        os.unlink(self.results + ".job/journal")
        with self.counts(0):
            done = self.score(table=table, code=DATA)
            self.assertIn("journal is gone", done.stderr)

    def test_a_damaged_journal_says_where(self):
        table = self.table(self.head(50))
        self.score("--batch-rows", 10, table=table)
        os.unlink(self.results)
        path = pathlib.Path(self.results + ".job/journal")
        content = bytearray(path.read_bytes())
        content[200] ^= 1
        path.write_bytes(content)
        with self.counts(0):
            done = self.score("--batch-rows", 10, table=table, code=DATA)
            self.assertRegex(done.stderr, r"journal is damaged at byte \d+")

    def test_a_journal_without_a_job_never_answers_for_a_new_one(self):
        table = self.table(self.head(50))
        self.score(table=table)
        os.unlink(self.results)
        os.unlink(self.results + ".job/job")  # a crash while it was forgotten
        with self.counts(50):
            self.score(table=table)

    def test_another_input_or_option_is_refused_and_named(self):
        table = self.table(self.head(20))
        self.score("--as-of", "2026-01-15", table=table)
        other = self.table(self.head(21), "other.csv")
        with self.counts(0):
            for words, path, said in [
                    ([], other, "the records are others"),
                    (["--as-of", "2026-01-16"], table, "--as-of differs"),
                    (["--batch-rows", 7], table, "--batch-rows differs"),
                    (["--model", "chd@champion"], table, "--model differs"),
                    (["--what-if"], table, "a job that counts"),
                    (["--what-if", "--new-job"], table, "a job that counts")]:
                done = self.score(*words, table=path, code=USAGE)
                self.assertIn(said, done.stderr)
            self.assertIn("is complete", self.score(table=table).stderr)

    def test_priority_and_deadline_say_what_they_may_be(self):
        table = self.table(self.head(20))
        for words, said in [
                (["--priority", "urgent"], "'urgent'; expected bulk or interactive"),
                (["--deadline-ms", 50], "--deadline-ms needs --what-if"),
                (["--broker", "tcp://127.0.0.1:1,"], "empty place")]:
            done = self.score(*words, table=table, code=USAGE)
            self.assertIn(said, done.stderr)
        self.score("--what-if", "--priority", "interactive", "--deadline-ms", 60000,
                   table=table)

    def test_a_stopped_job_resumes_and_counts_each_record_once(self):
        broker = self.cluster.broker()
        os.kill(broker, signal.SIGSTOP)  # it is in mid-stream for sure
        try:
            process = start("chw", "score", self.people, "--region-column", "region", "-o",
                            self.results, "--data", self.home + "/data", "--batch-rows", 50,
                            stderr=subprocess.PIPE)
            wait_until("a job", lambda: os.path.exists(self.results + ".job/lock"))
            second = self.score(code=TEMPORARY)
            self.assertIn("is held by process %d" % process.pid, second.stderr)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=20)[1]
        finally:
            os.kill(broker, signal.SIGCONT)
        self.assertEqual(process.returncode, TEMPORARY)
        self.assertIn("run the same command again to resume", said)
        self.assertFalse(os.path.exists(self.results))
        with self.counts(3000):
            self.score("--batch-rows", 50)
        self.assertEqual(len(rows_of(self.results)), 3000)

    def test_killed_in_mid_stream_it_says_how_much_is_answered(self):
        before = self.counted()
        process = start("chw", "score", self.people, "--region-column", "region", "-o",
                        self.results, "--data", self.home + "/data", "--batch-rows", 2,
                        "--window", 2, stderr=subprocess.DEVNULL)
        wait_until("some counted", lambda: self.counted() - before >= 100)
        process.kill()
        process.wait()
        self.assertFalse(os.path.exists(self.results))
        done = self.score("--batch-rows", 2)
        self.assertRegex(done.stderr, r"resuming: [1-9]\d* batches are answered already")
        self.assertEqual(self.counted() - before, 3000)
        self.assertEqual({row["status"] for row in rows_of(self.results)}, {"ok"})

    def test_what_if_counts_nothing_and_keeps_nothing(self):
        table = self.table(self.head(40))
        with self.counts(0):
            done = self.score("--what-if", table=table)
        self.assertIn("nothing was counted", done.stderr)
        self.assertEqual(len(rows_of(self.results)), 40)
        self.assertFalse(os.path.exists(self.results + ".job"))
        with self.counts(40):
            self.score(table=table)

    # ---- what cannot be done ----

    def refused(self, code, said, *arguments, table=None):
        with self.counts(0):
            done = self.score(*arguments, table=table, code=code)
        self.assertIn(said, done.stderr)
        self.assertFalse(os.path.exists(self.results + ".job"), done.stderr)

    def test_what_cannot_be_scored_is_said_before_anything_is_sent(self):
        self.refused(NO_INPUT, "nobody", "--model", "chd@nobody")
        self.refused(NO_INPUT, "nothing", "--model", "nothing@champion")
        self.refused(USAGE, "NAME@ALIAS", "--model", "chd")
        self.refused(USAGE, "not a day", "--as-of", "2026-02-30")
        self.refused(USAGE, "ahead", "--as-of", "2999-01-01")
        self.refused(NO_INPUT, "none.csv", table=self.place + "/none.csv")
        self.refused(NO_INPUT, "region", table=self.table(["a,b", "1,2"]))
        self.refused(DATA, "no records", table=self.table(self.head(0), "empty.csv"))
        self.refused(DATA, "line 4", table=self.table([*self.head(2), "1,2"], "ragged.csv"))
        self.refused(USAGE, "loopback", "--broker", "tcp://192.0.2.1:1")

    def test_results_that_cannot_be_there_are_refused(self):
        table = self.table(self.head(5))
        before = read(table)
        for path, code in (table, USAGE), (self.place, USAGE), (self.place + "/no/r.csv", 74):
            with self.counts(0):
                done = self.cluster.chw("score", table, "--region-column", "region", "-o", path,
                                        code=code)
            self.assertIn(path, done.stderr)
        self.assertEqual(read(table), before)
        self.assertFalse(os.path.exists(self.place + "/no"))

    def test_a_full_disk_is_said_and_the_job_resumes(self):
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))

        words = ["score", self.people, "--region-column", "region", "-o", self.results, "--data",
                 self.home + "/data", "--batch-rows", "100"]
        before = self.counted()
        done = subprocess.run([program("chw"), *words], preexec_fn=small_files, text=True,
                              capture_output=True, timeout=60, env=environment())
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertIn("File too large", done.stderr)
        self.assertFalse(os.path.exists(self.results))
        self.score("--batch-rows", 100)
        self.assertEqual(self.counted() - before, 3000)
        self.assertEqual(len(rows_of(self.results)), 3000)

    def test_without_a_broker_it_waits_and_says_so(self):
        process = start("chw", "score", self.people, "--region-column", "region", "-o",
                        self.results, "--broker", "ipc://" + self.place + "/nobody.ipc",
                        stderr=subprocess.PIPE)
        said = ""
        while "no broker answers" not in said:
            line = process.stderr.readline()
            self.assertTrue(line, said)
            said += line
        process.terminate()
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, TEMPORARY)


class Unexplained(unittest.TestCase):
    def test_model_that_cannot_say_has_its_scores_and_the_reason(self):
        golden = GOLDEN / "xgboost_binary"
        model = json.loads(read(golden / "model.json"))
        for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
            del tree["sum_hessian"]
        with folder() as place:
            stripped, results = pathlib.Path(place + "/model.json"), place + "/results.csv"
            stripped.write_text(json.dumps(model))
            for name, path in ("knows", golden / "model.json"), ("not", stripped):
                chw("model", "import", path, "--name", name, "--alias", "champion", "--data",
                    place + "/data")
            with Cluster(place + "/data", workers=1) as cluster:
                said = cluster.chw("score", golden / "rows.csv", "--region-column", "county",
                                   "-o", results, "--explain", 1).stderr
            rows = rows_of(results)
        self.assertRegex(said, "not [0-9a-f]{12} scored .* records; no factors: it does not know")
        for row in rows:
            self.assertEqual(row["knows_probability"], row["not_probability"])
            self.assertIn(row["knows_factor1"], ("age", "bmi", "county"))
            self.assertEqual((row["not_base"], row["not_factor1"], row["not_contribution1"]),
                             ("", "", ""))


class Library(unittest.TestCase):
    def test_the_documented_program_runs_against_the_installed_library(self):
        build = os.environ["CHW_BUILD"]
        with folder() as place:
            # What `cmake --install` would put there, by the build's own rules.
            subprocess.run(["cmake", "-DCMAKE_INSTALL_PREFIX=" + place + "/usr", "-P",
                            build + "/client/cmake_install.cmake"], check=True,
                           capture_output=True, timeout=60)
            pc = next(pathlib.Path(place).rglob("libchw.pc"))
            flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libchw"], check=True,
                                   text=True, capture_output=True,
                                   env={**os.environ, "PKG_CONFIG_PATH": str(pc.parent)}).stdout
            source = re.search(r"```c\n(.*?)```", read(DOCS), re.DOTALL).group(1)
            pathlib.Path(place + "/score-two.c").write_text(source)
            extra = ["-fsanitize=address,undefined"] if "asan" in build else []
            extra += ["-fsanitize=thread"] if "tsan" in build else []
            subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic",
                            "-Wl,-rpath," + str(pc.parent.parent), *extra, "-o",
                            place + "/score-two", place + "/score-two.c", *flags.split()],
                           check=True, timeout=60)
            people = place + "/people.csv"
            chw("generate", "--rows", 3000, "-o", people)
            with Cluster(place + "/data", workers=1) as cluster:
                cluster.chw("train", people, "--target", "chd", "--name", "chd", "--id-column",
                            "person_id", "--drop", "diabetes", "--promote", "champion")
                said = [subprocess.run([place + "/score-two", "ipc://" + place +
                                        "/data/front.ipc", place + "/journal"], check=True,
                                       text=True, capture_output=True, timeout=60).stdout
                        for _ in range(2)]
            self.assertRegex(said[0], r"person 0: ")
            self.assertRegex(said[0], r"person 1: ")
            self.assertEqual(said[0], said[1])  # the second from the journal

    def test_it_exports_its_own_names_only(self):
        library = os.environ["CHW_BUILD"] + "/client/libchw.so"
        names = subprocess.run(["nm", "-D", "--defined-only", library], check=True, text=True,
                               capture_output=True).stdout.split("\n")
        exported = {line.split()[-1].partition("@")[0] for line in names if line}
        declared = set(re.findall(r"\bchw_[a-z_]+(?=\()", read(DOCS.parents[1] / "client/chw.h")))
        self.assertEqual(exported - {"CHW_0", "CHW_0_2"}, declared)


if __name__ == "__main__":
    main()
