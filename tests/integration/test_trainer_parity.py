# SPDX-License-Identifier: Apache-2.0
"""Goal: chw-train is as good as scikit-learn's LogisticRegression on the same rows.

Method: for two targets and five seeded splits, one of all rows and four of a quarter of them,
rebuild the features from the raw table with scikit-learn's own imputer, scaler and encoder, fit
on the rows that --split-out names train, and compare AUC and Brier on the rows it names heldout.
chw-train's own metrics are computed again from --predictions-out. Both sides of each comparison
are printed.

The table is BRFSS 2020 where it is there, and a generated population otherwise.
"""

import csv
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import unittest

try:
    import numpy as np
    import scipy.sparse
    import sklearn
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
except ImportError as missing:
    print(f"skipped: {missing}; install python3-sklearn")
    sys.exit(77)

CHW_TRAIN = os.environ["CHW_TRAIN"]
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REAL = os.path.join(ROOT, "..", "shared", "data", "brfss2020_heart_state.csv.gz")

SEEDS = (1, 2, 3, 4, 5)
TARGETS = {"HeartDisease": "Diabetic", "Diabetic": "HeartDisease"}  # each without the other
NUMERIC = ("BMI", "PhysicalHealth", "MentalHealth", "SleepTime")
NOT_FEATURES = ("row_id", "state_fips")
AUC_CLOSE, BRIER_CLOSE = 0.002, 0.0003
GENERATED_ROWS = 30000
THIN = 4  # one row in so many; of the generated ones all


def generate(path):
    """A population whose outcomes follow a logistic rule with missing incomes."""
    rng = random.Random(20)
    states = ["AL", "KE", "NY", "TX", "WA"]
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["row_id", "state_fips", "state", "income", "HeartDisease", "BMI",
                        "Smoking", "PhysicalHealth", "MentalHealth", "Diabetic", "SleepTime"])
        for row in range(GENERATED_ROWS):
            state = rng.randrange(len(states))
            bmi, smoking = rng.gauss(28, 6), rng.random() < 0.4
            ill_days, sad_days = rng.choice([0, 0, 0, 2, 5, 30]), rng.choice([0, 0, 3, 30])
            heart = -3.2 + 0.05 * (bmi - 28) + 0.8 * smoking + 0.04 * ill_days + 0.1 * state
            diabetic = -2.0 + 0.12 * (bmi - 28) + 0.02 * ill_days
            draw = lambda margin: rng.random() < 1 / (1 + np.exp(-margin))
            table.writerow([
                row + 1, state + 1, states[state], rng.choice(["<10k", "10k-50k", ">50k", ""]),
                "Yes" if draw(heart) else "No", f"{bmi:.2f}", "Yes" if smoking else "No",
                float(ill_days), float(sad_days),
                "Yes" if draw(diabetic) else rng.choice(["No"] * 9 + ["No, borderline diabetes"]),
                float(rng.randint(4, 10))])


def read_columns(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        return dict(zip(header, map(np.array, zip(*rows))))


def write_columns(columns, path):
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(zip(*columns.values()))


class Table:
    """A file and its columns; the first seed takes all rows, the others a part, for time."""

    def __init__(self, path, columns=None):
        self.path, self.columns = path, columns or read_columns(path)

    def thin_out(self, path):
        if len(self.columns["row_id"]) <= GENERATED_ROWS:
            return self
        columns = {name: texts[::THIN] for name, texts in self.columns.items()}
        write_columns(columns, path)
        return Table(path, columns)


def scikit_inputs(columns, names, train):
    """Imputation, scaling and one-hot, fitted on the training rows."""
    numeric = [name for name in names if name in NUMERIC]
    table = np.column_stack([np.where(columns[n] == "", "nan", columns[n]).astype(float)
                             for n in numeric])
    imputer, scaler = SimpleImputer(strategy="median"), StandardScaler()
    scaler.fit(imputer.fit_transform(table[train]))
    parts = [scipy.sparse.csr_matrix(scaler.transform(imputer.transform(table)))]
    for name in names:
        if name in NUMERIC:
            continue
        texts = columns[name]  # a missing value is a category of its own
        encoder = OneHotEncoder(handle_unknown="ignore")
        encoder.fit(texts[train].reshape(-1, 1))
        parts.append(encoder.transform(texts.reshape(-1, 1)))
    return scipy.sparse.hstack(parts, format="csr")


class Parity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        path = REAL
        if os.path.exists(REAL):
            print("data: BRFSS 2020, real records")
        else:
            path = os.path.join(cls.folder.name, "generated.csv")
            generate(path)
            print(f"data: a generated population of {GENERATED_ROWS} (the real table is not there)")
        cls.all = Table(path)
        cls.part = cls.all.thin_out(os.path.join(cls.folder.name, "thin.csv"))
        print(f"scikit-learn {sklearn.__version__}, {len(cls.all.columns['row_id'])} rows, and "
              f"{len(cls.part.columns['row_id'])} of them", flush=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def train(self, table, target, other, seed):
        names = [os.path.join(self.folder.name, name) for name in ("report", "split", "scores")]
        started = time.monotonic()
        subprocess.run(
            [CHW_TRAIN, table.path, "--target", target, "--positive", "Yes", "--name", "parity",
             "--id-column", "row_id", "--drop", "state_fips", "--drop", other,
             "--seed", str(seed), "--data", os.path.join(self.folder.name, "data"),
             "--report", names[0], "--split-out", names[1], "--predictions-out", names[2]],
            check=True, timeout=120, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        with open(names[0]) as file:
            report = json.load(file)
        split = read_columns(names[1])
        return report, split["part"], read_columns(names[2]), time.monotonic() - started

    def scikit(self, columns, target, other, part):
        names = [name for name in columns if name not in (target, other, *NOT_FEATURES)]
        outcome = (columns[target] == "Yes").astype(int)
        train, heldout = part == "train", part == "heldout"
        inputs = scikit_inputs(columns, names, train)
        model = LogisticRegression(C=1, max_iter=5000).fit(inputs[train], outcome[train])
        p = model.predict_proba(inputs[heldout])[:, 1]
        return roc_auc_score(outcome[heldout], p), brier_score_loss(outcome[heldout], p)

    def check_own_metrics(self, columns, target, report, part, scores):
        outcome, p = scores["outcome"].astype(int), scores["probability"].astype(float)
        rows = scores["row"].astype(int) - 1
        self.assertEqual(list(np.flatnonzero(part == "heldout")), list(rows))
        self.assertTrue(np.array_equal(columns[target][rows] == "Yes", outcome == 1))
        metrics = report["metrics"]
        self.assertAlmostEqual(metrics["auc"], roc_auc_score(outcome, p), places=9)
        self.assertAlmostEqual(metrics["brier"], brier_score_loss(outcome, p), places=8)
        self.assertAlmostEqual(metrics["log_loss"], log_loss(outcome, p), places=7)
        self.assertAlmostEqual(metrics["observed_over_expected"], outcome.sum() / p.sum(), places=7)

    def compare(self, target):
        other = TARGETS[target]
        for seed in SEEDS:
            table = self.all if seed == SEEDS[0] else self.part
            with self.subTest(target=target, seed=seed):
                report, part, scores, seconds = self.train(table, target, other, seed)
                self.check_own_metrics(table.columns, target, report, part, scores)
                auc, brier = self.scikit(table.columns, target, other, part)
                ours = report["metrics"]
                print(f"{target:12} seed {seed}: AUC {ours['auc']:.6f} and {auc:.6f} "
                      f"({ours['auc'] - auc:+.6f}), Brier {ours['brier']:.6f} and {brier:.6f} "
                      f"({ours['brier'] - brier:+.6f}); {seconds:.1f} s", flush=True)
                self.assertLess(abs(ours["auc"] - auc), AUC_CLOSE)
                self.assertLess(abs(ours["brier"] - brier), BRIER_CLOSE)

    def test_heart_disease_is_as_good_as_scikit_learn(self):
        self.compare("HeartDisease")

    def test_diabetes_is_as_good_as_scikit_learn(self):
        self.compare("Diabetic")


if __name__ == "__main__":
    unittest.main()
