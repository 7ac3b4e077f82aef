# SPDX-License-Identifier: Apache-2.0
"""Goal: a model in LightGBM's text scores what the format's description says.

Method: Debian has no LightGBM, so models are made up, by seed, with what the format has:
missing values of each type, zeroes, categories in sets, thresholds that are no float32, every
objective. lightgbm_text.py, written from the description, evaluates them in double;
`chw model import --check` must find every row within 1e-6.
"""

import csv
import math
import os
import random
import subprocess
import sys
import tempfile
import unittest

import lightgbm_text

BIN = sys.argv.pop(1)
SEEDS = range(8)
CHECKED = 300


class LightGBM(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write_rows(self, features, rows, expected, names):
        with open(self.path("rows.csv"), "w", newline="") as file:
            out = csv.writer(file)
            out.writerow([*(feature.name for feature in features), "expected"])
            for row, p in zip(rows, expected):
                out.writerow([*(self.cell(*pair, names) for pair in zip(features, row)), repr(p)])

    @staticmethod
    def cell(feature, value, names):
        if math.isnan(value):
            return ""
        if not feature.category:
            return repr(value)
        return f"{feature.name} {value:.0f}" if names else f"{value:.0f}"

    def run_import(self, *options):
        return subprocess.run(
            [os.path.join(BIN, "chw"), "model", "import", self.path("model.txt"), "--name", "chd",
             "--data", self.path("data"), "--check", self.path("rows.csv"), *options],
            timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def compare(self, objective, chosen=None, names=False, **options):
        for seed in SEEDS:
            rng = random.Random(f"{objective} {seed}")
            features, made_for, text = lightgbm_text.make_text(rng, objective, names=names,
                                                               **options)
            rows = made_for + lightgbm_text.make_rows(rng, features, CHECKED - len(made_for))
            expected = [lightgbm_text.predict(text, row)[chosen or 0] for row in rows]
            self.assertGreater(len(set(expected)), 10)
            with open(self.path("model.txt"), "w") as file:
                file.write(text)
            self.write_rows(features, rows, expected, names)
            done = self.run_import(*(() if chosen is None else ("--class", str(chosen))))
            self.assertEqual(done.returncode, 0, f"seed {seed}: {done.stderr}")
            self.assertIn("LightGBM text", done.stdout)
            self.assertIn(f"{CHECKED} rows: largest difference", done.stdout)

    def test_two_classes(self):
        self.compare("binary sigmoid:1")
        self.compare("binary sigmoid:0.7", version="v3", rounds=60)

    def test_numbers_only(self):
        self.compare("binary sigmoid:1", categories=0, version="v2")

    def test_categories_only(self):
        self.compare("cross_entropy", numbers=0, categories=5)

    def test_a_number(self):
        self.compare("regression")

    def test_a_random_forest(self):
        self.compare("binary sigmoid:1", mean=True, rounds=30)

    def test_several_classes(self):
        for chosen in range(3):
            self.compare("multiclass num_class:3", classes=3, chosen=chosen)
            self.compare("multiclassova num_class:3 sigmoid:1.5", classes=3, chosen=chosen)

    def test_names_that_pandas_had(self):
        self.compare("binary sigmoid:1", names=True)

    def test_a_wrong_expectation_is_noticed(self):
        rng = random.Random(7)
        features, rows, text = lightgbm_text.make_text(rng, "binary sigmoid:1")
        expected = [lightgbm_text.predict(text, row)[0] for row in rows]
        expected[9] += 1e-5
        with open(self.path("model.txt"), "w") as file:
            file.write(text)
        self.write_rows(features, rows, expected, False)
        done = self.run_import()
        self.assertEqual(done.returncode, 65)
        self.assertIn("row 10 scores", done.stderr)
        self.assertIn("1 of 200 rows", done.stderr)
        self.assertFalse(os.path.exists(self.path("data")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
