# SPDX-License-Identifier: Apache-2.0
"""Goal: the golden models score what the tools they come from said when they were made, on
machines that have none of these.

Method: each folder of tests/golden holds a model, rows with their expected scores and perhaps
options; `chw model import --check` must take it and find every row within 1e-6; then with one
expectation changed it must refuse it.
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

BIN, GOLDEN = sys.argv.pop(1), sys.argv.pop(1)


class Golden(unittest.TestCase):
    def run_import(self, place, rows, data):
        (model,) = glob.glob(os.path.join(place, "model.*"))
        options = []
        if os.path.exists(os.path.join(place, "options")):
            with open(os.path.join(place, "options")) as file:
                options = file.read().split("\n")[:-1]
        return subprocess.run(
            [os.path.join(BIN, "chw"), "model", "import", model, "--name", "golden", "--data",
             data, "--check", rows, *options],
            timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def check(self, place):
        with tempfile.TemporaryDirectory() as folder:
            rows, data = os.path.join(folder, "rows.csv"), os.path.join(folder, "data")
            shutil.copy(os.path.join(place, "rows.csv"), rows)
            with open(rows) as file:
                lines = file.read().split("\n")
            *cells, expected = lines[3].split(",")
            wrong = repr(float(expected) + (1e-4 if float(expected) < 0.5 else -1e-4))
            with open(rows, "w") as file:
                file.write("\n".join([*lines[:3], ",".join([*cells, wrong]), *lines[4:]]))
            done = self.run_import(place, rows, data)
            self.assertEqual(done.returncode, 65, done.stderr)
            self.assertIn("row 3 scores", done.stderr)
            self.assertFalse(os.path.exists(data))
            done = self.run_import(place, os.path.join(place, "rows.csv"), data)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_each_model_scores_what_it_did(self):
        places = sorted(os.path.dirname(rows) for rows in
                        glob.glob(os.path.join(GOLDEN, "*", "rows.csv")))
        self.assertGreaterEqual(len(places), 13)
        for place in places:
            with self.subTest(os.path.basename(place)):
                self.check(place)


if __name__ == "__main__":
    unittest.main(verbosity=2)
