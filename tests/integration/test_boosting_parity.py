# SPDX-License-Identifier: Apache-2.0
"""Goal: what chw-train trains by XGBoost is what python3-xgboost trains, to the bit.

Method: for five seeded splits, one of all rows and four of a quarter of them, rebuild the inputs
from the raw table with numpy, train python3-xgboost with the same parameters on the rows that
--split-out names train, stop early by those it names validation, and compare on those it names
heldout: AUC, Brier, and the margins of the served model with XGBoost's, byte by byte. Then a forest, and the same table
with holes in it, because the real one has none. At most 60
rounds of depth 4 and forests of 30 trees, for time; the rate is high so that they stop early.

The table is BRFSS 2020 where it is there, and a generated population otherwise.
"""

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
    import xgboost
    from sklearn.metrics import brier_score_loss, roc_auc_score
except ImportError as missing:
    print(f"skipped: {missing}; install python3-xgboost and python3-sklearn")
    sys.exit(77)

from test_trainer_parity import (GENERATED_ROWS, NOT_FEATURES, NUMERIC, REAL, Table, generate,
                                 read_columns, write_columns)

CHW_TRAIN = os.environ["CHW_TRAIN"]
SEEDS = (1, 2, 3, 4, 5)
TARGET, OTHER = "HeartDisease", "Diabetic"
AUC_CLOSE, BRIER_CLOSE = 0.001, 0.0003
ROUNDS, STOP = 60, 3
BOOSTING = {"depth": 4, "learning-rate": 0.3, "min-child-weight": 5, "subsample": 0.8,
            "colsample": 0.7, "lambda": 2}
FOREST = {"depth": 8, "min-child-weight": 5, "subsample": 0.632, "colsample": 0.3, "lambda": 1}
NAMES = {"depth": "max_depth", "learning-rate": "eta", "min-child-weight": "min_child_weight",
         "subsample": "subsample", "lambda": "lambda"}


def write_holes(columns, path):
    """The table with a twentieth of a number and of a category missing."""
    rng = random.Random(5)
    holed = {name: texts.copy() for name, texts in columns.items()}
    for name in ("BMI", "Smoking"):
        for row in range(len(holed[name])):
            if rng.random() < 0.05:
                holed[name][row] = ""
    write_columns(holed, path)


def dense_inputs(columns):
    """Numbers as they are, categories one-hot in sorted order, NaN where missing."""
    parts = []
    for name, texts in columns.items():
        if name in (TARGET, OTHER, *NOT_FEATURES):
            continue
        if name in NUMERIC:
            parts.append(np.where(texts == "", "nan", texts).astype(np.float32))
            continue
        for category in sorted(set(texts) - {""}, key=str.encode):
            parts.append(np.where(texts == "", np.nan, texts == category).astype(np.float32))
    return np.column_stack(parts)


class Parity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        path = REAL
        if os.path.exists(REAL):
            print("data: BRFSS 2020, real records")
        else:
            path = cls.file("generated.csv")
            generate(path)
            print(f"data: a generated population of {GENERATED_ROWS} (the real table is not there)")
        cls.all = Table(path)
        cls.part = cls.all.thin_out(cls.file("thin.csv"))
        print(f"XGBoost {xgboost.__version__}, {len(cls.all.columns['row_id'])} rows, and "
              f"{len(cls.part.columns['row_id'])} of them", flush=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def file(cls, name):
        return os.path.join(cls.folder.name, name)

    def train(self, path, estimator, options, seed):
        started = time.monotonic()
        flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        done = subprocess.run(
            [CHW_TRAIN, path, "--target", TARGET, "--positive", "Yes", "--name", "parity",
             "--id-column", "row_id", "--drop", "state_fips", "--drop", OTHER,
             "--estimator", estimator, "--seed", str(seed), *flags,
             "--data", self.file("data"), "--report", self.file("report"),
             "--split-out", self.file("split"), "--predictions-out", self.file("scores")],
            timeout=120, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.file("report")) as file:
            report = json.load(file)
        part = read_columns(self.file("split"))["part"]
        scores = read_columns(self.file("scores"))
        self.assertEqual(list(np.flatnonzero(part == "heldout") + 1), list(scores["row"].astype(int)))
        return report, part, scores, done.stderr, time.monotonic() - started

    def parts(self, columns, part):
        inputs, outcome = dense_inputs(columns), (columns[TARGET] == "Yes").astype(np.float32)
        return {name: xgboost.DMatrix(inputs[part == name], outcome[part == name], nthread=1)
                for name in ("train", "validation", "heldout") if (part == name).any()}

    def common(self, parts, options, seed):
        known = {NAMES[name]: value for name, value in options.items() if name in NAMES}
        base = np.float32(parts["train"].get_label().mean(dtype=np.float64))
        return {**known, "tree_method": "hist", "nthread": 1, "seed": seed, "base_score": base}

    def oracle_boosting(self, parts, options, seed):
        params = {**self.common(parts, options, seed), "objective": "binary:logistic",
                  "eval_metric": "logloss", "colsample_bytree": options["colsample"]}
        history = {}
        model = xgboost.train(
            params, parts["train"], ROUNDS, early_stopping_rounds=STOP, verbose_eval=False,
            evals=[(parts["train"], "train"), (parts["validation"], "validation")],
            evals_result=history)
        return model, (0, model.best_iteration + 1), history

    def compare(self, what, seed, report, parts, scores, p, margins, seconds, kept=0):
        outcome, ours = parts["heldout"].get_label(), report["metrics"]
        auc, brier = roc_auc_score(outcome, p), brier_score_loss(outcome, p)
        served = scores["margin"].astype(np.float32)
        differ = int((served.view(np.uint32) != margins.view(np.uint32)).sum())
        print(f"{what:9} seed {seed}: AUC {ours['auc']:.6f} and {auc:.6f} "
              f"({ours['auc'] - auc:+.6f}), Brier {ours['brier']:.6f} and {brier:.6f} "
              f"({ours['brier'] - brier:+.6f}); {differ} of {len(margins)} margins differ; "
              f"{f'kept {kept} of at most {ROUNDS} rounds, ' if kept else ''}{seconds:.1f} s", flush=True)
        self.assertLess(abs(ours["auc"] - auc), AUC_CLOSE)
        self.assertLess(abs(ours["brier"] - brier), BRIER_CLOSE)
        self.assertEqual(served.tobytes(), margins.tobytes())

    def table(self, seed):
        return self.all if seed == SEEDS[0] else self.part

    def check_boosting(self, table, what, seed):
        options = {**BOOSTING, "rounds": ROUNDS, "early-stopping": STOP}
        report, part, scores, log, seconds = self.train(table.path, "boosting", options, seed)
        parts = self.parts(table.columns, part)
        model, kept, history = self.oracle_boosting(parts, options, seed)
        self.assertEqual(float(report["parameters"]["rounds_kept"]), kept[1])
        for number, values in enumerate(zip(*(history[name]["logloss"]
                                              for name in ("train", "validation")))):
            self.assertIn("round %d: log-loss %.6f in training, %.6f in validation\n"
                          % (number + 1, *values), log)
        predict = lambda margin: model.predict(parts["heldout"], output_margin=margin,
                                               iteration_range=kept)
        self.compare(what, seed, report, parts, scores, predict(False), predict(True), seconds,
                     kept[1])

    def test_boosting_is_xgboost_to_the_bit(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                self.check_boosting(self.table(seed), "boosting", seed)

    def test_missing_values_go_where_xgboost_sends_them(self):
        write_holes(self.part.columns, self.file("holes.csv"))
        holes = Table(self.file("holes.csv"))
        self.assertGreater((holes.columns["BMI"] == "").sum(), 0)
        self.check_boosting(holes, "holes", 1)

    def test_forest_is_xgboost_to_the_bit(self):
        for seed in SEEDS[:2]:
            with self.subTest(seed=seed):
                options = {**FOREST, "rounds": 30}
                table = self.table(seed)
                report, part, scores, _, seconds = self.train(table.path, "forest", options, seed)
                self.assertEqual(report["rows_validation"], 0)
                parts = self.parts(table.columns, part)
                params = {**self.common(parts, options, seed), "objective": "reg:squarederror",
                          "eta": 1, "num_parallel_tree": 30, "colsample_bynode": options["colsample"]}
                margins = xgboost.train(params, parts["train"], 1).predict(parts["heldout"])
                self.compare("forest", seed, report, parts, scores, np.clip(margins, 0, 1),
                             margins, seconds)


if __name__ == "__main__":
    unittest.main()
