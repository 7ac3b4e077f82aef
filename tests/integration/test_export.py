# SPDX-License-Identifier: Apache-2.0
"""Goal: a model that `chw model export` writes predicts in the library it is for what it
predicts here: those that `chw train` makes, and those that were imported.

Method: a generated table with holes and categories is trained on by each estimator. The
export is loaded by python3-xgboost; margins of the held-out rows must be those of
`--predictions-out` to the bit, and probabilities within 1e-6 of what a cluster scores, on rows
with empty cells and with categories that the model has never seen. Then models that XGBoost
itself trained go in and out again, and must predict as they did. What cannot be said is
refused, and nothing is written.
"""

import csv
import glob
import json
import os
import random
import re
import shutil
import subprocess
import sys
import unittest

try:
    import numpy as np
    import xgboost
except ImportError as missing:
    print(f"skipped: {missing}; install python3-xgboost")
    sys.exit(77)

from cluster import Cluster, chw, folder, main, read

HERE = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(HERE, "../../docs/models.md")
GOLDEN = os.path.join(HERE, "../golden")
RUN_JS = os.path.join(HERE, "onnx_run.js")
NODE_MODULES = os.path.join(os.environ.get("CHW_ONNXRUNTIME_NODE") or
                            os.path.join(HERE, "../../build/tools"), "node_modules")
ROWS, NEW_ROWS, SEEDS, CLOSE = 3000, 400, 15, 1e-6
USAGE, DATA_ERROR, NO_INPUT = 64, 65, 66
FEATURES = ["age", "year", "bmi", "smoker", "county", "sex"]
NUMBERS = ["age", "year", "bmi"]
DICTIONARY = """columns:
  county: {unknown: missing}
  bmi: {required: true}
"""
ESTIMATORS = {
    "logistic": [],
    "boosting": ["--rounds", "40", "--depth", "4", "--learning-rate", "0.3"],
    "forest": ["--rounds", "25", "--depth", "7"],
}


def people(seed, count, unknown=False):
    """{column: texts}: a year far from 0, empty cells, and perhaps categories that are new."""
    rng = random.Random(seed)
    table = {name: [] for name in ["row_id", *FEATURES, "ill"]}
    for row in range(count):
        age, bmi, smoker = rng.randint(18, 90), rng.gauss(27, 5), rng.choice(["Yes", "No", "<5"])
        person = {
            "row_id": str(row + 1), "age": str(age), "year": str(rng.randint(2000, 2024)),
            "bmi": "" if rng.random() < 0.1 else f"{bmi:.2f}",
            "smoker": "" if rng.random() < 0.1 else smoker,
            "county": "" if rng.random() < 0.1 else rng.choice(["KE 1", "UG", "TZ", "7"]),
            "sex": rng.choice(["f", "m"]),
            "ill": str(int(age / 25 + bmi / 12 + (smoker == "Yes") + rng.gauss(0, 1) > 5)),
        }
        if unknown and rng.random() < 0.2:
            person[rng.choice(["county", "sex", "smoker"])] = "never seen"
        for name, text in person.items():
            table[name].append(text)
    return table


def write_table(path, table):
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(table)
        out.writerows(zip(*table.values()))


def rows_of(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def xgboost_column(name, table):
    """As docs/models.md says: a number, or whether it is the category; NaN where empty."""
    if name in table:
        return [float(text) if text else np.nan for text in table[name]]
    feature, _, category = name.partition("=")
    texts = [text.replace("<", "_") for text in table[feature]]
    unknown = "never seen" if feature == "county" else ""  # is missing, its dictionary says
    return [np.nan if text in ("", unknown) else float(text == category) for text in texts]


def xgboost_matrix(model, table):
    names = model.feature_names
    columns = np.column_stack([xgboost_column(name, table) for name in names])
    return xgboost.DMatrix(columns.astype(np.float32), feature_names=names, nthread=1)


def feed(kind, values):
    return {"type": kind, "dims": [len(values), 1], "data": values}


NEEDS_NODE = unittest.skipUnless(
    shutil.which("node") and os.path.isdir(os.path.join(NODE_MODULES, "onnxruntime-node")),
    f"there is no onnxruntime-node in {NODE_MODULES}")


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"XGBoost {xgboost.__version__}", flush=True)
        cls.place = cls.enterClassContext(folder())
        cls.data = cls.place + "/data"
        cls.table, cls.new = people(1, ROWS), people(2, NEW_ROWS, unknown=True)
        write_table(cls.file("table.csv"), cls.table)
        write_table(cls.file("new.csv"), {**cls.new, "region": ["KE"] * NEW_ROWS})
        with open(cls.file("dictionary.yaml"), "w") as file:
            file.write(DICTIONARY)
        for name, options in ESTIMATORS.items():
            cls.train(name, options)
        with Cluster(cls.data, workers=1) as cluster:
            for name in ESTIMATORS:
                cluster.chw("score", cls.file("new.csv"), "--region-column", "region", "--what-if",
                            "--model", f"{name}@champion", "-o", cls.file(name + "-scored.csv"))

    @classmethod
    def file(cls, name):
        return os.path.join(cls.place, name)

    @classmethod
    def train(cls, name, options):
        chw("train", cls.file("table.csv"), "--target", "ill", "--name", name, "--id-column",
            "row_id", "--estimator", name, "--dictionary", cls.file("dictionary.yaml"),
            "--promote", "champion", "--data", cls.data, "--predictions-out",
            cls.file(name + "-heldout.csv"), *options)

    def export(self, model, form, code=0):
        path = self.file("exported")
        if os.path.exists(path):
            os.remove(path)
        done = chw("model", "export", model, "--format", form, "-o", path, "--data", self.data,
                   code=code)
        self.assertEqual(os.path.exists(path), code == 0)
        return path if code == 0 else done.stderr

    def heldout(self, name):
        """(table, margins) of the rows that judged the model."""
        scores = rows_of(self.file(name + "-heldout.csv"))
        at = [int(row["row"]) - 1 for row in scores]
        return ({key: [texts[i] for i in at] for key, texts in self.table.items()},
                np.array([row["margin"] for row in scores], dtype=np.float32))

    def scored(self, name):
        """The cluster's probabilities of the new rows; NaN where a record is invalid."""
        rows = rows_of(self.file(name + "-scored.csv"))
        self.assertEqual(len(rows), NEW_ROWS)
        return np.array([float(row[name + "_probability"] or "nan") for row in rows])

    # ---- XGBoost's JSON ----

    def load_xgboost(self, model):
        booster = xgboost.Booster()
        path = self.export(model, "xgboost-json")
        os.rename(path, path + ".json")
        booster.load_model(path + ".json")
        return booster

    def test_xgboost_margins_are_equal_to_the_bit(self):
        for name in ("boosting", "forest"):
            with self.subTest(name):
                model = self.load_xgboost(name)
                table, margins = self.heldout(name)
                theirs = model.predict(xgboost_matrix(model, table), output_margin=True)
                self.assertGreater(len(margins), ROWS / 10)
                self.assertEqual(theirs.astype(np.float32).tobytes(), margins.tobytes())

    def test_xgboost_probabilities_are_those_of_the_cluster(self):
        for name in ("boosting", "forest"):
            with self.subTest(name):
                model, ours = self.load_xgboost(name), self.scored(name)
                theirs = model.predict(xgboost_matrix(model, self.new))
                valid = ~np.isnan(ours)
                self.assertGreater(valid.sum(), NEW_ROWS / 2)
                self.assertGreater(NEW_ROWS, valid.sum())
                np.testing.assert_allclose(theirs[valid], ours[valid], atol=CLOSE, rtol=0)

    def test_the_example_of_the_docs_predicts_the_same(self):
        code = next(block for block in re.findall("```python\n(.*?)```", read(DOCS), re.DOTALL)
                    if "Booster(model_file" in block)
        os.rename(self.export("boosting", "xgboost-json"), self.file("chd.json"))
        write_table(self.file("people.csv"), self.new)
        for name in ("chd.json", "people.csv"):
            code = code.replace(f'"{name}"', repr(self.file(name)))
        seen = {}
        exec(code, seen)
        known = [county != "never seen" and smoker != "<5" for county, smoker in
                 zip(self.new["county"], self.new["smoker"])]  # what the example leaves out
        ours = self.scored("boosting")
        valid = ~np.isnan(ours) & known
        self.assertGreater(valid.sum(), NEW_ROWS / 3)
        np.testing.assert_allclose(seen["probabilities"][valid], ours[valid], atol=CLOSE, rtol=0)

    def test_xgboost_explains_what_it_loads(self):
        model = self.load_xgboost("boosting")
        matrix = xgboost_matrix(model, self.new)
        parts = model.predict(matrix, pred_contribs=True)
        np.testing.assert_allclose(parts.sum(axis=1), model.predict(matrix, output_margin=True),
                                   atol=1e-4, rtol=0)

    def test_xgboost_cannot_say_a_trained_logistic_model(self):
        self.assertIn("XGBoost's JSON cannot say: a linear model",
                      self.export("logistic", "xgboost-json", code=DATA_ERROR))

    # ---- ONNX ----

    def run_onnx(self, task):
        """{output: array} by onnxruntime-node."""
        done = subprocess.run(["node", RUN_JS], text=True, capture_output=True, timeout=60,
                              input=json.dumps(task),
                              env={**os.environ, "NODE_PATH": NODE_MODULES})
        self.assertEqual(done.returncode, 0, done.stderr)
        return {name: np.array(out["data"], dtype=np.float64).reshape(out["dims"])
                for name, out in json.loads(done.stdout).items()}

    def feeds(self, table):
        return {name: feed("float32", [float(text) if text else "NaN" for text in table[name]])
                if name in NUMBERS else feed("string", table[name]) for name in FEATURES}

    @NEEDS_NODE
    def test_onnx_probabilities_are_those_of_the_cluster(self):
        for name in ESTIMATORS:
            with self.subTest(name):
                ours = self.scored(name)
                out = self.run_onnx({"model": self.export(name, "onnx"),
                                     "feeds": self.feeds(self.new)})
                p = out["probabilities"]
                self.assertEqual(p.shape, (NEW_ROWS, 2))
                np.testing.assert_allclose(p[:, 1], ours, atol=CLOSE, rtol=0)  # NaN is NaN
                np.testing.assert_allclose(p.sum(axis=1), np.where(np.isnan(ours), np.nan, 1),
                                           atol=CLOSE, rtol=0)
                self.assertTrue(np.isnan(ours).any())
                valid = ~np.isnan(ours)
                np.testing.assert_array_equal(out["label"][valid], p[valid, 1] > 0.5)

    def golden_feeds(self, model, rows):
        """Codes are categories by the names "0", "1", ..."""
        shown = chw("model", "show", model, "--data", self.data).stdout
        kinds = dict(re.findall(r"^(\S+) +(numeric|\d+ categories)", shown, re.MULTILINE))
        feeds = {}
        for name, kind in kinds.items():
            texts = [row[name] for row in rows]
            if kind == "numeric":
                feeds[name] = feed("float32", [float(text) if text else "NaN" for text in texts])
            else:
                feeds[name] = feed("string", [re.sub(r"\.0$", "", text) for text in texts])
        return feeds

    @NEEDS_NODE
    def test_onnx_of_the_golden_models_scores_what_their_tools_said(self):
        for file in sorted(glob.glob(os.path.join(GOLDEN, "*", "model.*"))):
            place = os.path.dirname(file)
            name = os.path.basename(place)
            options = os.path.join(place, "options")
            words = read(options).split() if os.path.exists(options) else []
            with self.subTest(name):
                chw("model", "import", file, "--name", name, "--data", self.data, *words)
                rows = rows_of(os.path.join(place, "rows.csv"))
                p = self.run_onnx({"model": self.export(name, "onnx"),
                                   "feeds": self.golden_feeds(name, rows)})["probabilities"]
                np.testing.assert_allclose(p[:, 1], [float(row["expected"]) for row in rows],
                                           atol=CLOSE, rtol=0)

    def random_task(self, kind, seed):
        done = subprocess.run([os.environ["EXPORT_RANDOM"], kind, self.file("random.onnx")],
                              env={**os.environ, "TEST_SEED": str(seed)}, text=True,
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    @NEEDS_NODE
    def test_onnx_of_random_models_scores_random_records_the_same(self):
        for kind in ("trees", "linear", "parts", "calibrated"):
            for seed in range(1, SEEDS + 1):
                with self.subTest(kind, seed=seed):
                    task = self.random_task(kind, seed)
                    p = self.run_onnx(task)["probabilities"][:, 1]
                    np.testing.assert_allclose(p, np.array(task["expected"], dtype=float),
                                               atol=CLOSE, rtol=0)

    # ---- in and out again ----

    def matrix(self, y=None, types=None, seed=1):
        rng = np.random.default_rng(seed)
        x = np.column_stack([rng.normal(0, 1, 800), rng.integers(0, 9, 800),
                             rng.poisson(3, 800)]).astype(np.float32)
        risk = x[:, 0] + x[:, 1] % 3 + x[:, 2] / 3
        x[rng.random(x.shape) < 0.1] = np.nan
        if y is not None:
            y = np.digitize(risk, np.quantile(risk, np.arange(1, y) / y))
        return xgboost.DMatrix(x, y, feature_names=["dose", "county", "visits"], nthread=1,
                               feature_types=types, enable_categorical=types is not None)

    def again(self, name, params, classes=2, types=None, exact=True):
        model = xgboost.train(
            {"nthread": 1, "eta": 0.3, "max_depth": 4, "base_score": 0.3, "seed": 1, **params},
            self.matrix(classes, types), 8)
        path = self.file(name + ".json")
        model.save_model(path)
        chosen = ["--class", "1"] if classes > 2 else []
        chw("model", "import", path, "--name", name, "--data", self.data, *chosen)
        matrix = self.matrix(types=types, seed=2)
        theirs = model.predict(matrix, output_margin=True)
        ours = self.load_xgboost(name).predict(matrix, output_margin=True)
        if exact:
            self.assertEqual(ours.tobytes(), theirs.tobytes())
        else:
            np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=0)

    def test_imported_models_predict_as_they_did(self):
        binary, types = {"objective": "binary:logistic"}, ["float", "c", "int"]
        self.again("plain", binary)
        self.again("sets", {**binary, "tree_method": "hist", "max_cat_to_onehot": 1}, types=types)
        self.again("onehot", {**binary, "tree_method": "hist", "max_cat_to_onehot": 50},
                   types=types)
        self.again("trees", {**binary, "num_parallel_tree": 5, "subsample": 0.7})
        self.again("number", {"objective": "reg:squarederror"})
        self.again("classes", {"objective": "multi:softprob", "num_class": 4}, classes=4)
        self.again("dart", {**binary, "booster": "dart", "rate_drop": 0.3}, exact=False)

    # ---- the command ----

    def test_wrong_words_are_named(self):
        self.assertIn("'pickle' is no format to export to: xgboost-json or onnx",
                      self.export("boosting", "pickle", code=USAGE))
        self.assertIn("there is no model 'nothing'",
                      self.export("nothing", "xgboost-json", code=NO_INPUT))
        done = chw("model", "export", "boosting", "--data", self.data, code=USAGE)
        self.assertIn("--format FORMAT and -o FILE are needed", done.stderr)

    def test_a_file_that_is_there_is_replaced_and_that_is_said(self):
        path = self.file("there.json")
        for said in (False, True):
            done = chw("model", "export", "boosting@champion", "--format", "xgboost-json", "-o",
                       path, "--data", self.data)
            self.assertEqual("in place of what was there" in done.stdout, said)
        before = read(path)
        chw("model", "export", "logistic", "--format", "xgboost-json", "-o", path, "--data",
            self.data, code=DATA_ERROR)
        self.assertEqual(read(path), before)


if __name__ == "__main__":
    main()
