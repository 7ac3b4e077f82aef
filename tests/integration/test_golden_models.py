# SPDX-License-Identifier: Apache-2.0
"""Goal: the golden models score what the tools they come from said when they were made, on
machines that have none of these, when they are imported and when they are served.

Method: each folder of tests/golden holds a model, rows with their expected scores and perhaps
options. `chw model import --check` must find every row within 1e-6, and refuse the model when
one expectation is changed. Then all of them are served by a cluster, and `chw score` must give
the same rows the same scores.
"""

import csv
import glob
import os
import sys
import unittest

from cluster import Cluster, chw, folder, main, read

GOLDEN = os.path.abspath(sys.argv.pop(2))
CLOSE, DATA_ERROR = 1e-6, 65


def golden_models():
    """{name: (model's path, rows' path, options)}"""
    found = {}
    for rows in sorted(glob.glob(os.path.join(GOLDEN, "*", "rows.csv"))):
        place = os.path.dirname(rows)
        (model,) = glob.glob(os.path.join(place, "model.*"))
        options = os.path.join(place, "options")
        words = read(options).split("\n")[:-1] if os.path.exists(options) else []
        found[os.path.basename(place)] = model, rows, words
    return found


class Golden(unittest.TestCase):
    def setUp(self):
        self.place = self.enterContext(folder())
        self.data = self.place + "/data"
        self.models = golden_models()
        self.assertGreaterEqual(len(self.models), 19)

    def run_import(self, name, rows=None, code=0):
        model, own_rows, options = self.models[name]
        return chw("model", "import", model, "--name", "golden", "--alias", name, "--data",
                   self.data, "--check", rows or own_rows, *options, code=code)

    def change_row(self, name, row):
        """A copy of the rows where one expects something else."""
        lines = read(self.models[name][1]).split("\n")
        *cells, expected = lines[row].split(",")
        wrong = float(expected) + (1e-4 if float(expected) < 0.5 else -1e-4)
        lines[row] = ",".join([*cells, repr(wrong)])
        path = self.place + "/changed.csv"
        with open(path, "w") as file:
            file.write("\n".join(lines))
        return path

    def score(self, cluster, name):
        """(expected, scored) of each row, by the cluster."""
        people, results = self.place + "/people.csv", f"{self.place}/{name}.csv"
        with open(self.models[name][1]) as file:
            rows = list(csv.DictReader(file))
        with open(people, "w", newline="") as file:
            out = csv.DictWriter(file, ["region", *rows[0]])
            out.writeheader()
            out.writerows({"region": "KE", **row} for row in rows)
        cluster.chw("score", people, "--region-column", "region", "--what-if", "--model",
                    f"golden@{name}", "-o", results)
        with open(results) as file:
            return [(float(row["expected"]), float(result["golden_probability"]))
                    for row, result in zip(rows, csv.DictReader(file), strict=True)]

    def test_a_changed_expectation_is_noticed_and_stores_nothing(self):
        for name in self.models:
            with self.subTest(name):
                done = self.run_import(name, self.change_row(name, 3), code=DATA_ERROR)
                self.assertIn("row 3 scores", done.stderr)
                self.assertFalse(os.path.exists(self.data))

    def test_each_model_scores_what_it_did_imported_and_served(self):
        for name in self.models:
            with self.subTest(name):
                self.run_import(name)
        with Cluster(self.data, workers=1) as cluster:
            for name in self.models:
                with self.subTest(name):
                    for row, (expected, scored) in enumerate(self.score(cluster, name), 1):
                        self.assertAlmostEqual(expected, scored, delta=CLOSE, msg=f"row {row}")


if __name__ == "__main__":
    main()
