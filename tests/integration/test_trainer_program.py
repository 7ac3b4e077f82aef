# SPDX-License-Identifier: Apache-2.0
"""Goal: chw-train answers good tables with a model and bad ones with a sentence.

Method: the program is run on small tables, one thing wrong at a time. Each bad input ends
with its exit code and a sentence that says what, where and what to do; nothing is published
and no folder is made. Good runs are repeated: the same input gives the same version.
"""

import csv
import gzip
import json
import os
import subprocess
import tempfile
import unittest

CHW_TRAIN = os.environ["CHW_TRAIN"]
USAGE, DATA, NO_INPUT, IO_ERROR = 64, 65, 66, 74
HEADER = "row_id,age,bmi,smokes,y"


def good_lines(count=200):
    """Ages and body-mass indices with an outcome that depends on both."""
    for i in range(count):
        age, bmi = 20 + i * 37 % 60, 18 + i * 13 % 25 + 0.5
        ill = age + bmi + i * 7 % 40 > 95
        yield f"{i + 1},{age},{bmi},{'yes' if i % 3 else 'no'},{int(ill)}"


class Program(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def table(self, lines, header=HEADER):
        with open(self.path("table.csv"), "w") as file:
            file.write("\n".join([header, *lines]) + "\n")
        return self.path("table.csv")

    def run_on(self, path, *more, target="y", ids=("row_id",)):
        named = [part for name in ids for part in ("--id-column", name)]
        return subprocess.run(
            [CHW_TRAIN, path, "--target", target, "--name", "test", *named,
             "--data", self.path("data"), *more],
            capture_output=True, text=True, timeout=60, cwd=self.folder)

    def refuse(self, result, code, *sentences):
        self.assertEqual(result.returncode, code, result.stderr)
        for sentence in sentences:
            self.assertIn(sentence, result.stderr)
        self.assertFalse(os.path.exists(self.path("data")), "a store was made")

    def train(self, path, *more):
        result = self.run_on(path, "--report", self.path("report"), *more)
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(self.path("report")) as file:
            return json.load(file), result.stdout

    # ---- good ----

    def test_the_same_input_gives_the_same_version(self):
        lines = list(good_lines())
        first, output = self.train(self.table(lines))
        self.assertIn(first["version"], output)
        self.assertEqual(self.train(self.table(lines))[0]["version"], first["version"])
        self.assertNotEqual(self.train(self.table(lines), "--seed", "2")[0]["version"],
                            first["version"])

    def test_trees_repeat_by_seed_and_parameters(self):
        path = self.table(good_lines())
        for estimator in ("boosting", "forest"):
            with self.subTest(estimator=estimator):
                options = ("--estimator", estimator, "--rounds", "8", "--subsample", "0.7")
                first, output = self.train(path, *options)
                self.assertIn("XGBoost 1.7", output)
                self.assertEqual(first["parameters"]["estimator"], estimator)
                self.assertEqual(self.train(path, *options)[0]["version"], first["version"])
                for other in (("--seed", "2"), ("--depth", "2"), ("--lambda", "3")):
                    self.assertNotEqual(self.train(path, *options, *other)[0]["version"],
                                        first["version"], other)

    def test_boosting_says_each_round_and_stops_early(self):
        path = self.table(good_lines())
        options = ("--estimator", "boosting", "--learning-rate", "1", "--rounds", "300",
                   "--early-stopping", "2", "--validation", "0.3", "--report", self.path("report"))
        result = self.run_on(path, *options)
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(self.path("report")) as file:
            report = json.load(file)
        kept = int(report["parameters"]["rounds_kept"])
        self.assertGreater(report["rows_validation"], 0)
        self.assertRegex(result.stderr, f"round {kept + 2}: log-loss .* in training, .* in validation")
        self.assertNotIn(f"round {kept + 3}:", result.stderr)
        self.assertIn(f"kept the first {kept} rounds", result.stderr)
        report, _ = self.train(path, *options[:6], "--early-stopping", "0", "--rounds", "9")
        self.assertEqual(report["rows_validation"], 0)
        self.assertEqual(report["parameters"]["rounds_kept"], "9")

    def test_parameters_come_from_a_file_and_flags_win(self):
        with open(self.path("train.yaml"), "w") as file:
            file.write("estimator: boosting\nrounds: 5\ndepth: 2\nearly-stopping: 0\n")
        report, _ = self.train(self.table(good_lines()), "--config", self.path("train.yaml"),
                               "--depth", "3")
        self.assertEqual([report["parameters"][name] for name in ("estimator", "rounds", "depth")],
                         ["boosting", "5", "3"])

    def test_trees_may_keep_what_is_missing(self):
        with open(self.path("dictionary.yaml"), "w") as file:
            file.write("columns:\n  age: {missing: keep}\n  smokes: {missing: keep}\n")
        path, said = self.table(good_lines()), ("--dictionary", self.path("dictionary.yaml"))
        self.refuse(self.run_on(path, *said), DATA, ":2: column age: missing: keep needs a tree")
        report, _ = self.train(path, *said, "--estimator", "boosting", "--rounds", "4")
        self.assertEqual([f["missing"] for f in report["features"] if f["name"] != "bmi"],
                         ["kept for the trees"] * 2)

    def test_parameters_out_of_range_are_refused(self):
        path = self.table(good_lines())
        for option, value, sentence in (
                ("--learning-rate", "0", "--learning-rate 0: a number above 0 and up to 1"),
                ("--learning-rate", "1.5", "--learning-rate 1.5: a number above 0"),
                ("--min-child-weight", "-1", "--min-child-weight -1: a number from 0"),
                ("--subsample", "0", "--subsample 0: a number above 0 and up to 1"),
                ("--colsample", "2", "--colsample 2: a number above 0 and up to 1"),
                ("--lambda", "-0.5", "--lambda -0.5: a number from 0"),
                ("--validation", "1", "--validation 1: a fraction between 0 and 1"),
                ("--estimator", "trees", "--estimator trees: logistic, boosting or forest"),
                ("--rounds", "0", "rounds must be"), ("--depth", "17", "depth must be"),
                ("--threads", "0", "threads must be")):
            with self.subTest(option=option, value=value):
                result = self.run_on(path, "--estimator", "boosting", f"{option}={value}")
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(sentence, result.stderr)
                self.assertFalse(os.path.exists(self.path("data")), "a store was made")

    def test_gzip_is_the_same_table(self):
        path = self.table(good_lines())
        plain = self.train(path)[0]
        with open(path, "rb") as source, gzip.open(path + ".gz", "wb") as target:
            target.write(source.read())
        packed = self.train(path + ".gz")[0]
        self.assertEqual(packed["metrics"], plain["metrics"])
        self.assertNotEqual(packed["data_sha256"], plain["data_sha256"])

    def test_promotion_is_said(self):
        path = self.table(good_lines())
        self.assertIn("promoted    no", self.train(path)[1])
        written = self.train(path, "--promote", "champion")[1]
        self.assertIn("test@champion", written)
        self.assertIn("program     written", written)
        self.assertIn("program     unchanged", self.train(path, "--promote", "champion")[1])
        self.assertIn("it serves test@champion, not test@challenger",
                      self.train(path, "--promote", "challenger")[1])

    def test_split_names_every_row(self):
        lines = list(good_lines())
        lines[4] = lines[4].rsplit(",", 1)[0] + ","
        report = self.train(self.table(lines), "--split-out", self.path("split"))[0]
        with open(self.path("split")) as file:
            parts = [row["part"] for row in csv.DictReader(file)]
        self.assertEqual(len(parts), len(lines))
        self.assertEqual(parts[4], "excluded")
        self.assertEqual(parts.count("heldout"), report["rows_heldout"])
        self.assertEqual(parts.count("train"), report["rows_train"])
        self.assertEqual(report["rows_target_missing"], 1)

    def test_metrics_are_those_of_the_predictions(self):
        report = self.train(self.table(good_lines()), "--predictions-out", self.path("scores"))[0]
        with open(self.path("scores")) as file:
            rows = [(int(row["outcome"]), float(row["probability"])) for row in csv.DictReader(file)]
        self.assertEqual(report["heldout_scored"], report["rows_heldout"])
        self.assertEqual(len(rows), report["rows_heldout"])
        brier = sum((y - p) ** 2 for y, p in rows) / len(rows)
        self.assertAlmostEqual(report["metrics"]["brier"], brier, places=8)
        self.assertGreater(report["metrics"]["auc"], 0.7)

    def test_dictionary_decides_types_and_policies(self):
        with open(self.path("d.yaml"), "w") as file:
            file.write("columns:\n  row_id: {type: id}\n  age: {type: category, unknown: missing}\n"
                       "  smokes: {type: drop}\n")
        result = self.run_on(self.table(good_lines()), "--dictionary", self.path("d.yaml"),
                             "--report", self.path("report"), ids=())
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(self.path("report")) as file:
            features = {f["name"]: f for f in json.load(file)["features"]}
        self.assertEqual(set(features), {"age", "bmi"})
        self.assertEqual(features["age"]["type"], "category")
        self.assertEqual(features["age"]["unknown"], "missing")

    # ---- bad tables ----

    def test_unreadable_and_empty_tables(self):
        self.refuse(self.run_on(self.path("nowhere.csv")), NO_INPUT, "nowhere.csv")
        open(self.path("empty.csv"), "w").close()
        self.refuse(self.run_on(self.path("empty.csv")), DATA, "empty")
        self.refuse(self.run_on(self.table([])), DATA, "a header but no rows")
        self.refuse(self.run_on(self.table(list(good_lines())[:5])), DATA, "5 rows are too few")

    def test_pipe_is_refused_because_it_is_read_twice(self):
        os.mkfifo(self.path("pipe"))
        self.refuse(self.run_on(self.path("pipe")), USAGE, "not a file")

    def test_truncated_gzip(self):
        path = self.path("cut.csv.gz")
        with gzip.open(path, "wt") as file:
            file.write("\n".join([HEADER, *good_lines(5000)]))
        with open(path, "r+b") as file:
            file.truncate(os.path.getsize(path) // 2)
        result = self.run_on(path)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("cut.csv.gz", result.stderr)

    def test_ragged_row_names_its_line(self):
        lines = list(good_lines())
        lines[10] += ",1"
        self.refuse(self.run_on(self.table(lines)), DATA, "12")

    def test_text_in_a_numeric_column_names_line_column_and_value(self):
        lines = list(good_lines())
        lines[10] = "11,4O,20.5,no,0"
        self.refuse(self.run_on(self.table(lines)), DATA, "line 12", "column age", "'4O'")

    def test_target_that_is_not_there_or_has_one_value(self):
        path = self.table(good_lines())
        self.refuse(self.run_on(path, target="outcome"), NO_INPUT, "--target outcome", "smokes")
        one = [line.rsplit(",", 1)[0] + ",1" for line in good_lines()]
        self.refuse(self.run_on(self.table(one)), DATA, "only one value, '1' (200)")

    def test_positive_value_must_be_chosen_and_must_exist(self):
        three = [line if i % 5 else line.rsplit(",", 1)[0] + ",perhaps"
                 for i, line in enumerate(good_lines())]
        path = self.table(three)
        self.refuse(self.run_on(path), USAGE, "--positive", "'perhaps' (40)")
        self.refuse(self.run_on(path, "--positive", "2"), DATA, "never '2'", "'perhaps' (40)")

    def test_identifier_must_be_named(self):
        self.refuse(self.run_on(self.table(good_lines()), ids=()), DATA,
                    "column row_id is different in every row: name it with --id-column row_id")

    def test_no_features_left(self):
        drops = [part for name in ("age", "bmi", "smokes") for part in ("--drop", name)]
        self.refuse(self.run_on(self.table(good_lines()), *drops), DATA, "no features are left")
        same = [f"{i},1,2.5,no,{i % 2}" for i in range(100)]
        self.refuse(self.run_on(self.table(same)), DATA, "one part")

    # ---- bad options ----

    def test_options_are_checked_before_the_table_is_read(self):
        path = self.path("nowhere.csv")
        self.refuse(self.run_on(path, "--name", "Not Allowed"), USAGE, "--name Not Allowed")
        self.refuse(self.run_on(path, "--promote", "No"), USAGE, "--promote No")
        self.refuse(self.run_on(path, "--heldout", "1.5"), USAGE, "--heldout")
        self.refuse(self.run_on(path, "--l2", "0"), USAGE, "--l2")
        self.refuse(self.run_on(path, "--frobnicate"), USAGE, "frobnicate")
        nothing = subprocess.run([CHW_TRAIN, path], capture_output=True, text=True, timeout=60,
                                 cwd=self.folder)
        self.refuse(nothing, USAGE, "--target")

    def test_names_that_are_nowhere(self):
        path = self.table(good_lines())
        self.refuse(self.run_on(path, "--drop", "zz"), NO_INPUT, "--drop zz")
        self.refuse(self.run_on(path, ids=("zz",)), NO_INPUT, "--id-column zz")
        with open(self.path("d.yaml"), "w") as file:
            file.write("columns:\n  zz: {type: id}\n")
        self.refuse(self.run_on(path, "--dictionary", self.path("d.yaml")), DATA, "d.yaml:2", "zz")
        with open(self.path("d.yaml"), "w") as file:
            file.write("columns:\n  age:\n    kind: numeric\n")
        self.refuse(self.run_on(path, "--dictionary", self.path("d.yaml")), DATA, "d.yaml:3",
                    "unknown key kind")

    def test_store_and_files_that_cannot_be_written(self):
        path = self.table(good_lines())
        result = self.run_on(path, "--store", "nonsense:x")
        self.refuse(result, USAGE, "nonsense")
        result = self.run_on(path, "--store", "sqlite:" + self.path("no/such/folder.db"))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("no/such", result.stderr)
        result = self.run_on(path, "--split-out", self.path("no/such/split.csv"))
        self.assertEqual(result.returncode, IO_ERROR, result.stderr)
        self.assertIn("no/such/split.csv", result.stderr)


if __name__ == "__main__":
    unittest.main()
