# SPDX-License-Identifier: Apache-2.0
"""Goal: a model that XGBoost made and `chw model import` took scores what XGBoost says.

Method: python3-xgboost trains on seeded synthetic tables with holes and categories, saves as
JSON and as UBJSON, and predicts other rows, some with a category that it has never seen.
`chw model import --check` must find every probability within 1e-6 and publish; the margins of
the kernel that serves must be XGBoost's to the bit where the arithmetic is the same (trees),
and within 1e-5 where it is not (dart, linear). Then what must be refused, with nothing stored.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    import xgboost
except ImportError as missing:
    print(f"skipped: {missing}; install python3-xgboost")
    sys.exit(77)

BIN, MARGINS = os.environ["CHW_BIN"], os.environ["IMPORT_MARGINS"]
NAMES = ["age", "bmi", "smoker", "county", "steps", "visits"]
CATEGORY = NAMES.index("county")
TRAINED, CHECKED = 600, 700
DATA_ERROR, NO_INPUT, IO_ERROR = 65, 66, 74


def table(seed, rows, counties):
    """Numbers, a bit, a category and holes; counties in the last rows may be new."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([
        rng.integers(18, 90, rows), rng.normal(27, 5, rows), rng.integers(0, 2, rows),
        rng.integers(0, counties, rows), rng.gamma(2, 3000, rows), rng.poisson(2, rows),
    ]).astype(np.float32)
    risk = (x[:, 0] / 30 + x[:, 1] / 10 + x[:, 2] + (x[:, 3] % 3) - x[:, 4] / 6000 +
            rng.normal(0, 1, rows))
    for column in (1, 3, 4):
        x[rng.random(rows) < 0.1, column] = np.nan
    return x, risk


class Parity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"XGBoost {xgboost.__version__}", flush=True)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def matrix(self, x, y=None, types=None, names=NAMES):
        return xgboost.DMatrix(x, y, feature_names=names, feature_types=types, nthread=1,
                               enable_categorical=types is not None)

    def train(self, params, rounds=12, classes=2, types=None, names=NAMES, number=False):
        x, risk = table(1, TRAINED, 12)
        y = risk / 12 if number else np.digitize(
            risk, np.quantile(risk, np.arange(1, classes) / classes))
        params = {"seed": 3, "nthread": 1, "eta": 0.3, "base_score": 0.4, **params}
        return xgboost.train(params, self.matrix(x, y, types, names), rounds)

    def rows(self, counties=12):
        return table(2, CHECKED, counties)[0]

    def write_rows(self, x, expected, names=NAMES):
        with open(self.path("rows.csv"), "w", newline="") as file:
            out = csv.writer(file)
            out.writerow([*names, "expected"])
            for row, p in zip(x, expected):
                out.writerow([*("" if np.isnan(v) else repr(float(v)) for v in row),
                              repr(float(p))])

    def run_import(self, name, *options):
        return subprocess.run(
            [os.path.join(BIN, "chw"), "model", "import", self.path(name), "--name", "chd",
             "--data", self.path("data"), *options],
            timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def margins(self, name, *chosen):
        done = subprocess.run([MARGINS, self.path(name), self.path("rows.csv"), *chosen],
                              timeout=60, stdout=subprocess.PIPE, check=True, text=True)
        return np.array(done.stdout.split(), dtype=np.float32)

    def save(self, model):
        model.save_model(self.path("model.json"))
        model.save_model(self.path("model.ubj"))

    def check(self, *options):
        """Both files are taken, and are one model but for where it is from."""
        for name, form in (("model.json", "XGBoost JSON"), ("model.ubj", "XGBoost UBJSON")):
            done = self.run_import(name, "--check", self.path("rows.csv"), *options)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(form, done.stdout)
            self.assertRegex(done.stdout, r"kernel +[a-z -]+: loaded in \d+ ms, \d+ KiB compiled")
            self.assertIn(f"{CHECKED} rows: largest difference", done.stdout)

    def compare(self, model, types=None, names=NAMES, expected=None, counties=12, exact=True):
        """Of a model with one output."""
        x = self.rows(counties)
        matrix = self.matrix(x, None, types, names)
        self.save(model)
        self.write_rows(x, model.predict(matrix) if expected is None else
                        expected(model.predict(matrix)), names)
        self.check()
        ours, theirs = self.margins("model.json"), model.predict(matrix, output_margin=True)
        if exact:
            self.assertEqual(ours.tobytes(), theirs.astype(np.float32).tobytes())
        else:
            np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=0)
        np.testing.assert_array_equal(ours, self.margins("model.ubj"))

    def compare_classes(self, model, classes, exact=True):
        x = self.rows()
        scores = model.predict(self.matrix(x), output_margin=True).astype(np.float64)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        self.save(model)
        for chosen in range(classes):
            self.write_rows(x, shares[:, chosen])
            self.check("--class", str(chosen))
        done = self.run_import("model.json")
        self.assertEqual(done.returncode, DATA_ERROR)
        self.assertIn(f"it has {classes} classes", done.stderr)

    # ---- what is taken ----

    def test_boosting_by_each_method(self):
        for method in ("hist", "approx", "exact"):
            self.compare(self.train({"objective": "binary:logistic", "tree_method": method,
                                     "max_depth": 5}))

    def test_deep_trees_and_pruned_nodes(self):
        self.compare(self.train({"objective": "binary:logistic", "max_depth": 14,
                                 "tree_method": "exact", "min_child_weight": 0, "gamma": 0.4}))

    def test_names_where_there_are_none(self):
        names = [f"f{i}" for i in range(len(NAMES))]
        model = self.train({"objective": "binary:logistic"}, names=None)
        x = self.rows()
        self.save(model)
        self.write_rows(x, model.predict(self.matrix(x, names=None)), names)
        self.check()

    def test_raw_margins_become_probabilities(self):
        model = self.train({"objective": "binary:logitraw"})
        self.compare(model, expected=lambda margin: 1 / (1 + np.exp(-margin.astype(float))))

    def test_numbers(self):
        self.compare(self.train({"objective": "reg:squarederror"}, number=True),
                     expected=lambda value: np.clip(value, 0, 1))
        self.compare(self.train({"objective": "reg:logistic"}, classes=2))

    def test_a_forest(self):
        self.compare(self.train({"objective": "binary:logistic", "num_parallel_tree": 10,
                                 "subsample": 0.6, "colsample_bynode": 0.5}, rounds=3))

    def test_dart(self):
        self.compare(self.train({"objective": "binary:logistic", "booster": "dart",
                                 "rate_drop": 0.3, "skip_drop": 0.2}, rounds=20), exact=False)

    def test_a_linear_model(self):
        model = self.train({"objective": "binary:logistic", "booster": "gblinear", "eta": 0.1},
                           rounds=5)
        self.compare(model, exact=False)

    def test_categories_in_sets_and_one_by_one(self):
        types = ["int", "float", "i", "c", "q", "int"]
        for onehot in (1, 100):
            model = self.train({"objective": "binary:logistic", "tree_method": "hist",
                                "max_cat_to_onehot": onehot, "max_depth": 5}, types=types)
            self.save(model)
            with open(self.path("model.json")) as file:
                self.assertIn('"categories":[', file.read().replace(" ", ""))
            self.compare(model, types=types, counties=15)

    def test_each_of_several_classes(self):
        for objective in ("multi:softprob", "multi:softmax"):
            self.compare_classes(self.train({"objective": objective, "num_class": 4},
                                            classes=4, rounds=6), 4)

    def test_each_class_of_a_linear_model(self):
        self.compare_classes(self.train({"objective": "multi:softprob", "num_class": 3,
                                         "booster": "gblinear", "eta": 0.05},
                                        classes=3, rounds=3), 3)

    def test_a_document_as_newer_versions_write_it(self):
        model = self.train({"objective": "binary:logistic"})
        self.save(model)
        with open(self.path("model.json")) as file:
            document = json.load(file)
        learner = document["learner"]
        score = learner["learner_model_param"]["base_score"]
        learner["learner_model_param"]["base_score"] = f"[{score}]"
        learner["gradient_booster"]["model"]["cats"] = {
            "enc": [], "feature_segments": [], "sorted_idx": []}
        document["version"] = [3, 1, 0]
        with open(self.path("newer.json"), "w") as file:
            json.dump(document, file)
        x = self.rows()
        self.write_rows(x, model.predict(self.matrix(x)))
        done = self.run_import("newer.json", "--check", self.path("rows.csv"))
        self.assertEqual(done.returncode, 0, done.stderr)

    # ---- what is refused ----

    def assert_refused(self, done, *parts):
        self.assertEqual(done.returncode, DATA_ERROR, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertFalse(os.path.exists(self.path("data")))

    def test_other_objectives_are_named(self):
        for objective in ("count:poisson", "rank:pairwise", "survival:cox", "reg:tweedie",
                          "binary:hinge"):
            self.save(self.train({"objective": objective, "base_score": 0.5}, rounds=2))
            for name in ("model.json", "model.ubj"):
                self.assert_refused(self.run_import(name),
                                    f"objective {objective} is not supported")

    def test_what_is_no_file_of_a_model_or_too_large_stores_nothing(self):
        os.mkdir(self.path("folder"))
        os.symlink("loop", self.path("loop"))
        os.symlink("/dev/zero", self.path("endless"))
        open(self.path("empty"), "w").close()
        for name, code, said in (
                ("folder", IO_ERROR, "Is a directory"), ("none", NO_INPUT, "No such file"),
                ("loop", IO_ERROR, "symbolic links"), ("empty", DATA_ERROR, "no model of a format"),
                ("endless", DATA_ERROR, "larger than 268435456 bytes")):
            done = self.run_import(name)
            self.assertEqual((name, done.returncode), (name, code), done.stderr)
            self.assertIn(said, done.stderr)
            self.assertFalse(os.path.exists(self.path("data")))

    def test_a_score_beyond_the_tolerance_stores_nothing(self):
        model = self.train({"objective": "binary:logistic"})
        x = self.rows()
        expected = model.predict(self.matrix(x)).astype(np.float64)
        self.save(model)
        expected[[40, 500]] += 2e-6
        self.write_rows(x, expected)
        self.assert_refused(
            self.run_import("model.json", "--alias", "champion", "--check",
                            self.path("rows.csv")),
            "row 41 scores", "2 of 700 rows are not within 1e-06 of what was expected")
        done = self.run_import("model.json", "--alias", "champion", "--check",
                               self.path("rows.csv"), "--tolerance", "3e-6")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("chd@champion is this version", done.stdout)

    def test_rows_without_an_expected_number_are_named(self):
        model = self.train({"objective": "binary:logistic"})
        x = self.rows()
        self.save(model)
        self.write_rows(x, model.predict(self.matrix(x)))
        options = ("--check", self.path("rows.csv"))
        done = self.run_import("model.json", *options, "--expected", "p")
        self.assertEqual(done.returncode, 66)
        self.assertIn("expected", done.stderr)  # one of the columns that there are
        self.write_rows(x[:2], ["0.5", np.nan])
        self.assert_refused(self.run_import("model.json", *options),
                            "line 3: column expected holds no number")


if __name__ == "__main__":
    unittest.main(verbosity=2)
