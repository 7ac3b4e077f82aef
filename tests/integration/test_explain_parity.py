# SPDX-License-Identifier: Apache-2.0
"""Goal: the factors that `chw score --explain` writes are XGBoost's pred_contribs.

Method: python3-xgboost trains on seeded random tables with holes, `chw model import` takes what
it saved, and the contributions of all features are compared, each within 1e-4, with their sum
and the base within 1e-5 of XGBoost's margin. Then a model that chw-train made of the records
themselves, beside python3-xgboost's of the same one-hot inputs: their contributions, summed up to
the columns that a person knows.

The records are of BRFSS 2020 where it is there, and of a generated population otherwise.
"""

import csv
import os
import sys
import unittest

try:
    import numpy as np
    import xgboost
except ImportError as missing:
    print(f"skipped: {missing}; install python3-xgboost")
    sys.exit(77)

from cluster import Cluster, folder, main, read
from test_boosting_parity import BOOSTING, NAMES, OTHER, TARGET, dense_inputs
from test_trainer_parity import NUMERIC, REAL, generate, read_columns

NUMBERS, TRAINED, SCORED = 12, 4000, 1500
RECORDS, ROUNDS = 30000, 40
FACTORS = 16
EACH_CLOSE, SUM_CLOSE = 1e-4, 1e-5


def table(seed, rows):
    """Numbers, small integers and holes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (rows, NUMBERS)).astype(np.float32)
    x[:, 8:] = rng.integers(0, 4, (rows, NUMBERS - 8))
    risk = x[:, 0] * x[:, 1] + np.sin(3 * x[:, 2]) + x[:, 8] * (x[:, 9] > 1) - x[:, 3]
    y = risk + rng.normal(0, 1, rows) > 1
    x[rng.random(x.shape) < 0.05] = np.nan
    return x, y


class Parity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"XGBoost {xgboost.__version__}", flush=True)
        cls.home = cls.enterClassContext(folder())
        cls.cluster = cls.enterClassContext(Cluster(cls.home + "/data", workers=2))

    def file(self, name):
        return os.path.join(self.home, name)

    def explain(self, path, model, names):
        """Bases, and contributions as rows of `names`."""
        self.cluster.chw("score", path, "--region-column", "region", "-o", self.file("out.csv"),
                         "--explain", FACTORS, "--what-if", "--model", model + "@champion")
        rows = list(csv.DictReader(read(self.file("out.csv")).splitlines()))
        found = np.zeros((len(rows), len(names)))
        for row, into in zip(rows, found):
            self.assertEqual(row["status"], "ok")
            for k in range(1, FACTORS + 1):
                name, contribution = (row[f"{model}_{what}{k}"] for what in
                                      ("factor", "contribution"))
                if name:
                    self.assertEqual(into[names.index(name)], 0)
                    into[names.index(name)] = float(contribution)
        return np.array([float(row[model + "_base"]) for row in rows]), found

    def compare(self, what, base, found, expected, margins):
        """`expected`: the last is the bias."""
        each = np.abs(found - expected[:, :-1]).max()
        total = np.abs(base + found.sum(axis=1) - margins).max()
        print(f"{what}: {found.shape[0]} records, largest difference of a contribution {each:.1e}, "
              f"of the base {np.abs(base - expected[:, -1]).max():.1e}, of their sum to the margin "
              f"{total:.1e}", flush=True)
        self.assertGreater(np.abs(found).max(), 0.1)
        self.assertLess(each, EACH_CLOSE)
        self.assertLess(np.abs(base - expected[:, -1]).max(), EACH_CLOSE)
        self.assertLess(total, SUM_CLOSE)

    # ---- random tables, imported models ----

    def check_random(self, name, rounds, **options):
        names = [f"n{i}" for i in range(NUMBERS)]
        x, y = table(1, TRAINED)
        params = {"objective": "binary:logistic", "tree_method": "hist", "nthread": 1, "seed": 7,
                  **options}
        model = xgboost.train(params, xgboost.DMatrix(x, y, feature_names=names, nthread=1), rounds)
        model.save_model(self.file(name + ".json"))
        self.cluster.chw("model", "import", self.file(name + ".json"), "--name", name, "--alias",
                         "champion")
        x, _ = table(2, SCORED)
        with open(self.file("rows.csv"), "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["region", *names])
            out.writerows(["KE", *("" if np.isnan(v) else repr(float(v)) for v in row)]
                          for row in x)
        matrix = xgboost.DMatrix(x, feature_names=names, nthread=1)
        self.compare(name, *self.explain(self.file("rows.csv"), name, names),
                     model.predict(matrix, pred_contribs=True).astype(np.float64),
                     model.predict(matrix, output_margin=True).astype(np.float64))

    def test_boosting(self):
        for depth in (1, 3, 6, 8):
            self.check_random(f"depth{depth}", 60, max_depth=depth, eta=0.2)

    def test_deep_trees(self):
        self.check_random("deep", 8, max_depth=20, min_child_weight=0, eta=0.3)

    def test_forest(self):
        self.check_random("forest", 1, max_depth=9, num_parallel_tree=30, subsample=0.6,
                          colsample_bynode=0.5, eta=1)

    # ---- records, a model of our own ----

    def take_records(self):
        """The first RECORDS of the table, of one region, with at most FACTORS features."""
        path = REAL
        if not os.path.exists(REAL):
            path = self.file("generated.csv")
            generate(path)
        print("data:", "BRFSS 2020, real records" if path == REAL else "a generated population")
        columns = {name: texts[:RECORDS] for name, texts in read_columns(path).items()
                   if name not in ("state", "region", "SkinCancer")}
        with open(self.file("records.csv"), "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["region", *columns])
            out.writerows(["KE", *row] for row in zip(*columns.values()))
        return columns

    def train_ours(self):
        """Which rows it was trained on."""
        self.cluster.chw(
            "train", self.file("records.csv"), "--target", TARGET, "--positive", "Yes", "--name",
            "own", "--id-column", "row_id", "--drop", "state_fips", "--drop", OTHER, "--drop",
            "region", "--estimator", "boosting", "--rounds", ROUNDS, "--early-stopping", 0,
            "--seed", 1, "--threads", 1, "--split-out", self.file("split"), "--promote", "champion",
            *(str(part) for name, value in BOOSTING.items() for part in ("--" + name, value)))
        return read_columns(self.file("split"))["part"] == "train"

    def train_theirs(self, inputs, outcome):
        params = {NAMES[name]: value for name, value in BOOSTING.items() if name in NAMES}
        params |= {"tree_method": "hist", "nthread": 1, "seed": 1, "objective": "binary:logistic",
                   "colsample_bytree": BOOSTING["colsample"],
                   "base_score": outcome.mean(dtype=np.float64)}
        return xgboost.train(params, xgboost.DMatrix(inputs, outcome, nthread=1), ROUNDS)

    def sum_up(self, columns, of_inputs):
        """Names of the features, and their contributions, then the bias."""
        names, sums, at = [], [], 0
        for name, texts in columns.items():
            if name in ("row_id", "state_fips", TARGET, OTHER):
                continue
            width = 1 if name in NUMERIC else len(set(texts) - {""})
            names.append(name)
            sums.append(of_inputs[:, at:at + width].sum(axis=1))
            at += width
        self.assertLessEqual(len(names), FACTORS)
        self.assertEqual(at + 1, of_inputs.shape[1])
        return names, np.column_stack([*sums, of_inputs[:, -1]])

    def test_one_hot_inputs_are_summed_up_to_their_column(self):
        columns = self.take_records()
        train = self.train_ours()
        inputs, outcome = dense_inputs(columns), (columns[TARGET] == "Yes").astype(np.float32)
        model, matrix = self.train_theirs(inputs[train], outcome[train]), xgboost.DMatrix(inputs)
        names, expected = self.sum_up(
            columns, model.predict(matrix, pred_contribs=True).astype(np.float64))
        self.compare("own", *self.explain(self.file("records.csv"), "own", names), expected,
                     model.predict(matrix, output_margin=True).astype(np.float64))


if __name__ == "__main__":
    main()
