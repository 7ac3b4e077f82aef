#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: chw-bench-kernel runs every case, finds both sides equal, and its reports agree.
Method: tiny models of a synthetic population; no speed is judged, but every figure must be there."""
import csv
import importlib.util
import io
import json
import os
import unittest
import unittest.mock

from cluster import folder, main, run

TINY = ["--generate", "--rows", 2000, "--trees", 20, "--runs", 2, "--seconds", .005]
SIZES = 65536, 4096, 256, 128, 64, 32, 16, 8, 1
BATCHES = {"boosting-500": SIZES, "boosting-100": SIZES,
           "treeshap-500": (256,), "treeshap-depth8-500": (64,), "depth8-500": (65536,), "continuous-500": (65536,), "forest-100": (65536, 1024)}
SKLEARN = {"sklearn-forest": (65536, 1024), "logistic": (65536,)}
if importlib.util.find_spec("sklearn"):  # as Debian's python3, which runs this, would find it
    BATCHES.update(SKLEARN)
CASES = {"%s-%d" % (model, batch): batch for model, sizes in BATCHES.items() for batch in sizes}


def bench(*options, code=0, env=None):
    done = run("chw-bench-kernel", *TINY, *options, env=env)
    if done.returncode != code:
        raise AssertionError("code %d, expected %d\n%s%s" % (done.returncode, code, done.stdout,
                                                             done.stderr))
    return done


class KernelBench(unittest.TestCase):
    def setUp(self):
        self.place = self.enterContext(folder())
        self.enterContext(unittest.mock.patch.dict(os.environ, TMPDIR=self.place))

    def tearDown(self):
        self.assertEqual(os.listdir(self.place), [])

    def assert_measured(self, entry):
        if entry["trees"] > 0:
            self.assertGreater(entry["compiled_bytes"], 0)
            self.assertGreater(entry["load_ms"], 0)
        for name in "records_per_s", "peer_records_per_s", "ratio":
            figure = entry[name]
            self.assertTrue(0 < figure["min"] <= figure["median"] <= figure["max"], entry)
        bound = entry["bound_records_per_s"]["median"]
        self.assertEqual(bound > 0, entry["batch"] < 256, entry)
        if entry["case"].startswith("logistic"):
            self.assertEqual((entry["trees"], entry["ns_per_tree_record"]), (0, 0))
            return
        self.assertAlmostEqual(
            entry["ns_per_tree_record"] * entry["trees"] * entry["records_per_s"]["median"],
            1e9 * entry["threads"], delta=1e7 * entry["threads"])

    def test_every_case_is_equal_and_has_every_figure(self):
        report = json.loads(bench("--format", "json").stdout)
        self.assertIn("synthetic population", report["rows"])
        self.assertIn("5 % missing", report["continuous_rows"])
        seen = [(entry["case"], entry["threads"]) for entry in report["cases"]]
        self.assertCountEqual(seen, [(case, threads) for case in CASES for threads in (1, 2)])
        for entry in report["cases"]:
            self.assertEqual(entry["batch"], CASES[entry["case"]])
            self.assertNotEqual(entry["verdict"], "NOT EQUAL")
            self.assert_equal(entry)
            self.assert_measured(entry)

    def assert_equal(self, entry):
        if entry["case"].startswith("treeshap"):
            self.assertLess(entry["largest_difference"], 1e-4)
            self.assertLess(entry["sums_apart"], 1e-5)
            self.assertEqual(entry["compared"] % entry["batch"], 0)
            self.assertGreater(entry["compared"], 5 * entry["batch"])
            return
        self.assertEqual(entry["compared"], min(65536, 4096 * entry["batch"]))
        if entry["peer"].startswith("XGBoost"):
            self.assertEqual(entry["different"], 0, entry)
        else:
            self.assertIn("scikit-learn", entry["peer"])
            self.assertLess(entry["largest_difference"], 1e-6)

    def test_codes_and_other_seeds_are_equal_too(self):
        report = bench("--encoding", "code", "--seed", 7, "--case", "boosting-100-32", "--case",
                       "forest-100-1", "--threads", 1, "--format", "csv").stdout
        rows = list(csv.DictReader(io.StringIO(report)))
        self.assertEqual([row["case"] for row in rows], ["boosting-100-32", "forest-100-1024"])
        for row in rows:
            self.assertEqual(row["different"], "0")
            self.assertGreater(float(row["ratio"]), 0)

    def test_a_peer_that_keeps_proxies_is_equal_too_and_that_is_said(self):
        options = "--keep-proxy", "--case", "boosting-100-1", "--threads", 2
        report = json.loads(bench(*options, "--format", "json").stdout)
        self.assertIs(report["proxies"], True)
        self.assertEqual([entry["different"] for entry in report["cases"]], [0, 0])
        self.assertIn("proxies that are kept", bench(*options).stdout)

    def test_cpu_time_is_measured_of_all_peers_and_that_is_said(self):
        names = "--cpu-time", "--case", "boosting-100-256", "--case", "logistic"
        report = json.loads(bench(*names, "--format", "json").stdout)
        self.assertIs(report["cpu_time"], True)
        for entry in report["cases"]:
            self.assert_measured(entry)
        self.assertIn("of CPU time", bench(*names).stdout)

    def test_the_same_seed_gives_the_same_model(self):
        def shape():
            report = json.loads(bench("--case", "depth8", "--format", "json").stdout)
            return [(entry["leaves"], entry["model_bytes"]) for entry in report["cases"]]
        self.assertEqual(shape(), shape())

    def test_a_model_is_kept_and_taken_when_it_comes_from_the_same(self):
        with folder() as place:
            models = os.path.join(place, "new", "models")
            def train(*options):
                done = bench("--case", "boosting-100-256", "--models", models, "--format", "json",
                             *options)
                entry = json.loads(done.stdout)["cases"][0]
                self.assertEqual(entry["different"], 0)
                return "kept" in done.stderr, entry["leaves"]
            first = train()
            self.assertEqual(train(), (True, first[1]))
            self.assertFalse(first[0])
            for other in (["--seed", 2], ["--trees", 19], ["--rows", 1999], ["--encoding", "code"]):
                self.assertFalse(train(*other)[0], other)
            self.assertEqual(len(os.listdir(models)), 5)

    def test_a_person_reads_which_kernel_took_what(self):
        said = bench("--case", "boosting-100-256", "--print-kernels").stdout
        self.assertIn("0 of 65536", said)
        self.assertRegex(said, r"model of +kernel +trees .* compiled KiB")
        self.assertRegex(said, r"boosting-100-256 +[a-z].* 20 ")

    def test_without_scikit_learn_its_cases_are_left_out_and_that_is_said(self):
        with folder() as place:
            with open(os.path.join(place, "sklearn.py"), "w") as file:
                file.write("raise ImportError('none of that here')\n")
            report = json.loads(bench("--case", "logistic", "--case", "sklearn-forest", "--case",
                                      "boosting-100-256", "--threads", 1, "--format", "json",
                                      env={"PYTHONPATH": place}).stdout)
        self.assertEqual([entry["case"] for entry in report["cases"]], ["boosting-100-256"])
        for case in "logistic-65536", "sklearn-forest-65536", "sklearn-forest-1024":
            self.assertIn(case, report["left_out"])
        self.assertIn("none of that here", report["left_out"])

    def test_bad_options_are_refused_before_anything_is_trained(self):
        for words, said in ((["--format", "xml"], "table, csv or json"),
                            (["--case", "oracle"], "no such case"), (["--runs", 0], "--runs"),
                            (["--seconds", -1], "--seconds"), (["--nonsense"], "--nonsense"),
                            (["--encoding", "none"], "one-hot or code")):
            refused = bench(*words, code=64)
            self.assertIn(said, refused.stderr)
            self.assertNotIn("train", refused.stderr)

    def test_a_table_that_is_not_there_is_named(self):
        done = run("chw-bench-kernel", "--data", "/nowhere.csv", "--case", "depth8")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/nowhere.csv", done.stderr)


if __name__ == "__main__":
    main()
