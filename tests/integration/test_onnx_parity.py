# SPDX-License-Identifier: Apache-2.0
"""Goal: a model of scikit-learn that comes as ONNX scores what ONNX Runtime says.

Method: python3-sklearn trains pipelines on seeded synthetic tables, onnx_models.py writes each
as ONNX as the converter of scikit-learn does, and onnxruntime-node scores other rows, some with
holes and with categories that were never seen; where there are none of these scikit-learn must
agree with it. `chw model import --check` must find every score within 1e-6 of ONNX Runtime's and
publish. Then random trees with every kind of split, and what must be refused by name.
"""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import warnings

try:
    import numpy as np
    import onnx
    import sklearn
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import (
        ExtraTreesClassifier, GradientBoostingClassifier, GradientBoostingRegressor,
        HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier,
        RandomForestRegressor)
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
    from sklearn.tree import DecisionTreeClassifier
except ImportError as missing:
    print(f"skipped: {missing}; install python3-sklearn and python3-onnx")
    sys.exit(77)

import onnx_models as om

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BIN, NODE_MODULES = os.environ["CHW_BIN"], os.path.join(
    os.environ.get("CHW_ONNXRUNTIME_NODE") or os.path.join(ROOT, "build", "tools"),
    "node_modules")
if shutil.which("node") is None or not os.path.isdir(
        os.path.join(NODE_MODULES, "onnxruntime-node")):
    print(f"skipped: there is no node, or no onnxruntime-node in {NODE_MODULES}")
    sys.exit(77)

COUNTIES = ["Busia", "Kisumu", "Nakuru", "Turkana"]
WARDS = [1, 2, 5, 9]
TRAINED, CHECKED, WIDTH, DATA_ERROR = 500, 400, 5, 65


def people(seed, rows, counties=4, holes=0.1):
    """Columns of a table; the last county and ward are known to nobody."""
    rng = np.random.default_rng(seed)
    table = {
        "age": rng.integers(18, 90, rows).astype(np.float32),
        "bmi": rng.normal(27, 5, rows).astype(np.float32),
        "visits": rng.integers(0, 6, rows),
        "county": np.array([*COUNTIES, "Wajir"], dtype=object)[rng.integers(0, counties, rows)],
        "ward": np.array([*WARDS, 77])[rng.integers(0, counties, rows)].astype(np.float32),
    }
    risk = (table["age"] / 30 + table["bmi"] / 10 + table["visits"] / 3 +
            (table["county"] == "Busia") + rng.normal(0, 1, rows))
    table["bmi"][rng.random(rows) < holes] = np.nan
    return table, risk


def numbers(seed, rows, holes=0.0):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(18, 90, rows), rng.normal(27, 5, rows),
                         rng.integers(0, 2, rows), rng.gamma(2, 3, rows),
                         rng.poisson(2, rows)]).astype(np.float32)
    risk = x[:, 0] / 30 + x[:, 1] / 10 + x[:, 2] - x[:, 3] / 6 + rng.normal(0, 1, rows)
    x[rng.random(x.shape) < holes] = np.nan
    return x, risk


def classes_of(risk, count=2):
    return np.digitize(risk, np.quantile(risk, np.arange(1, count) / count))


class Parity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"onnx {onnx.__version__}, scikit-learn {sklearn.__version__}", flush=True)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        warnings.simplefilter("ignore")

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_import(self, *options):
        return subprocess.run(
            [os.path.join(BIN, "chw"), "model", "import", self.path("model.onnx"), "--name",
             "chd", "--data", self.path("data"), *options],
            timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def write_rows(self, graph, feeds, expected):
        names, columns = [], []
        for name, (_, width) in graph.inputs.items():
            names += [name] if width == 1 else [f"f{i}" for i in range(width)]
            columns += list(np.asarray(feeds[name], dtype=object).reshape(-1, width).T)
        with open(self.path("rows.csv"), "w", newline="") as file:
            out = csv.writer(file)
            out.writerow([*names, "expected"])
            for *row, p in zip(*columns, expected):
                out.writerow([*("" if v != v else v for v in row), repr(float(p))])

    def compare(self, graph, score, feeds, sklearn_says=None, labels=None):
        """Every score of the graph; where scikit-learn can say something, it must agree."""
        out = om.evaluate(graph, score, feeds, self.folder, NODE_MODULES)
        if sklearn_says is not None:
            says = np.asarray(sklearn_says).reshape(out.shape)
            np.testing.assert_allclose(out, says, atol=1e-5, rtol=0)
        graph.save(self.path("model.onnx"), score, labels)
        for index in range(out.shape[1]):
            chosen = [] if out.shape[1] == 1 else [
                "--class", str(index if labels is None else labels[index])]
            self.write_rows(graph, feeds, np.clip(out[:, index], 0, 1))
            done = self.run_import("--check", self.path("rows.csv"), *chosen)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("ONNX", done.stdout)
            self.assertIn("rows: largest difference", done.stdout)

    # ---- a column transformer ----

    def transformed(self, ml=3):
        """The graph up to the estimator, and what scikit-learn makes of the same table."""
        table, risk = people(1, TRAINED)
        names = ["age", "bmi"]
        imputer = SimpleImputer(strategy="median").fit(
            np.column_stack([table[n] for n in names]))
        scaler = StandardScaler().fit(imputer.transform(
            np.column_stack([table[n] for n in names])))
        counties = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(
            table["county"].reshape(-1, 1))
        wards = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(
            table["ward"].reshape(-1, 1))

        def transform(of):
            x = imputer.transform(np.column_stack([of[n] for n in names]))
            return np.column_stack([
                scaler.transform(x), counties.transform(of["county"].reshape(-1, 1)),
                wards.transform(of["ward"].reshape(-1, 1)), of["visits"]])

        graph = om.Graph(ml)
        value = om.joined(graph, [graph.input(n) for n in names])
        value = om.scaled(graph, om.imputed(graph, value, imputer), scaler)
        county = om.one_hot(graph, graph.input("county", "string"),
                            [str(c) for c in counties.categories_[0]])
        ward = om.one_hot(graph, graph.input("ward"), wards.categories_[0].tolist())
        visits = graph.op("Cast", [graph.input("visits", "int64")], to=onnx.TensorProto.FLOAT)
        value = om.joined(graph, [value, county, ward, visits])
        feeds, _ = people(2, CHECKED, counties=5)
        feeds["county"][:9] = ""
        return graph, value, transform(table), risk, feeds, transform(feeds)

    def test_logistic_regression_of_a_column_transformer(self):
        for ml in (1, 3):
            graph, value, x, risk, feeds, rows = self.transformed(ml)
            model = LogisticRegression().fit(x, classes_of(risk))
            score = om.normalized(graph, om.logistic(graph, value, model, "LOGISTIC"))
            self.compare(graph, score, feeds, model.predict_proba(rows), [0, 1])

    def test_a_forest_of_a_column_transformer(self):
        graph, value, x, risk, feeds, rows = self.transformed()
        labels = np.array(["no", "yes"])
        model = RandomForestClassifier(20, random_state=1, max_depth=12).fit(
            x.astype(np.float32), labels[classes_of(risk)])
        score = om.forest(graph, value, model)
        self.compare(graph, score, feeds, None, ["no", "yes"])

    def test_ordinal_categories(self):
        table, risk = people(1, TRAINED)
        encoder = OrdinalEncoder().fit(table["county"].reshape(-1, 1))
        graph = om.Graph()
        county = om.ordinal(graph, graph.input("county", "string"),
                            [str(c) for c in encoder.categories_[0]])
        value = om.joined(graph, [graph.input("age"), county])

        def transform(of):
            return np.column_stack([of["age"], encoder.transform(of["county"].reshape(-1, 1))])

        model = GradientBoostingClassifier(n_estimators=10, random_state=1).fit(
            transform(table).astype(np.float32), classes_of(risk))
        feeds, _ = people(2, CHECKED)
        self.compare(graph, om.boosting(graph, value, model), feeds,
                     model.predict_proba(transform(feeds).astype(np.float32)))

    # ---- estimators over a matrix ----

    def matrix(self, holes=0.0, classes=2):
        x, risk = numbers(1, TRAINED, holes)
        rows, _ = numbers(2, CHECKED, holes)
        graph = om.Graph()
        graph.input("X", width=WIDTH)
        return graph, x, classes_of(risk, classes), rows

    def test_several_classes_of_logistic_regression(self):
        for multi, transform in (("multinomial", "SOFTMAX"), ("ovr", "LOGISTIC")):
            graph, x, y, rows = self.matrix(classes=3)
            model = LogisticRegression(multi_class=multi).fit(x, y)
            score = om.logistic(graph, "X", model, transform)
            if multi == "ovr":
                score = om.normalized(graph, score)
            self.compare(graph, score, {"X": rows}, model.predict_proba(rows), [0, 1, 2])

    def test_two_classes_by_softmax(self):
        graph, x, y, rows = self.matrix()
        model = LogisticRegression(multi_class="multinomial").fit(x, y)
        self.compare(graph, om.logistic(graph, "X", model, "SOFTMAX"), {"X": rows},
                     model.predict_proba(rows))

    def test_forests_and_single_trees(self):
        for model in (RandomForestClassifier(30, random_state=1), DecisionTreeClassifier(),
                      ExtraTreesClassifier(10, random_state=1, max_depth=6)):
            for classes in (2, 3):
                graph, x, y, rows = self.matrix(classes=classes)
                model.fit(x, y)
                self.compare(graph, om.forest(graph, "X", model), {"X": rows},
                             model.predict_proba(rows))

    def test_gradient_boosting(self):
        for classes in (2, 3):
            graph, x, y, rows = self.matrix(classes=classes)
            model = GradientBoostingClassifier(n_estimators=15, random_state=1).fit(x, y)
            self.compare(graph, om.boosting(graph, "X", model), {"X": rows},
                         model.predict_proba(rows))

    def test_histogram_gradient_boosting_with_holes(self):
        for classes in (2, 3):
            graph, x, y, rows = self.matrix(0.1, classes)
            model = HistGradientBoostingClassifier(max_iter=15).fit(x, y)
            self.compare(graph, om.histogram_boosting(graph, "X", model), {"X": rows},
                         model.predict_proba(rows))

    def test_numbers(self):
        graph, x, y, rows = self.matrix()
        forest = RandomForestRegressor(20, random_state=1).fit(x, y)
        self.compare(graph, om.forest_of_numbers(graph, "X", forest), {"X": rows},
                     forest.predict(rows))
        graph, x, y, rows = self.matrix()
        boosting = GradientBoostingRegressor(n_estimators=10, random_state=1).fit(x, y)
        self.compare(graph, om.boosting_of_numbers(graph, "X", boosting), {"X": rows},
                     boosting.predict(rows))
        graph, x, y, rows = self.matrix(0.1)
        histogram = HistGradientBoostingRegressor(max_iter=10).fit(x, y)
        self.compare(graph, om.histogram_boosting(graph, "X", histogram, False), {"X": rows},
                     histogram.predict(rows))
        graph, x, y, rows = self.matrix()
        linear = LinearRegression().fit(x, y)
        score = graph.ml_op("LinearRegressor", ["X"], intercepts=[float(linear.intercept_)],
                            coefficients=[float(v) for v in linear.coef_])
        self.compare(graph, score, {"X": rows}, linear.predict(rows))

    # ---- calibration, votes ----

    def test_calibrated_classifiers(self):
        for classes in (2, 3):
            graph, x, y, rows = self.matrix(classes=classes)
            one = CalibratedClassifierCV(LogisticRegression(), ensemble=False).fit(x, y)
            score = om.calibrated(graph, one.calibrated_classifiers_,
                                  lambda m: om.logistic(graph, "X", m, "NONE"))
            self.compare(graph, score, {"X": rows}, one.predict_proba(rows))

    def test_the_mean_of_calibrated_folds(self):
        graph, x, y, rows = self.matrix()
        model = CalibratedClassifierCV(LogisticRegression(), cv=3).fit(x, y)
        score = om.calibrated(graph, model.calibrated_classifiers_,
                              lambda m: om.logistic(graph, "X", m, "NONE"))
        self.compare(graph, score, {"X": rows}, model.predict_proba(rows))
        graph, x, y, rows = self.matrix()
        model = CalibratedClassifierCV(RandomForestClassifier(8, random_state=2), cv=3)
        model.fit(x, y)
        score = om.calibrated(graph, model.calibrated_classifiers_,
                              lambda m: om.forest(graph, "X", m))
        self.compare(graph, score, {"X": rows}, model.predict_proba(rows))

    def test_folds_that_scale_each_in_their_way(self):
        graph, x, y, rows = self.matrix()
        folds = []
        for half in (slice(0, TRAINED // 2), slice(TRAINED // 2, TRAINED)):
            scaler = StandardScaler().fit(x[half])
            model = LogisticRegression().fit(scaler.transform(x[half]), y[half])
            value = om.scaled(graph, "X", scaler)
            folds.append((om.logistic(graph, value, model, "LOGISTIC"),
                          model.predict_proba(scaler.transform(rows))))
        score = om.voted(graph, [value for value, _ in folds])
        self.compare(graph, score, {"X": rows}, sum(p for _, p in folds) / 2)

    def test_a_soft_vote(self):
        graph, x, y, rows = self.matrix()
        linear = LogisticRegression().fit(x, y)
        trees = RandomForestClassifier(10, random_state=3).fit(x, y)
        score = om.voted(graph, [om.logistic(graph, "X", linear, "LOGISTIC"),
                                 om.forest(graph, "X", trees)])
        self.compare(graph, score, {"X": rows},
                     (linear.predict_proba(rows) + trees.predict_proba(rows)) / 2)

    # ---- every kind of split ----

    def random_trees(self, rng, leaf, codes=False, positive=False):
        """Over two numbers, and two columns of codes where any kind asks for one."""
        number_modes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"]
        out = om.empty_ensemble(leaf)
        for tree in range(8):
            for node in range(15):
                feature = int(rng.integers(0, 4))
                mode = (str(rng.choice(["BRANCH_EQ", "BRANCH_NEQ"])) if codes and feature > 1
                        else str(rng.choice(number_modes)))
                value = rng.integers(0, 6) if feature > 1 else rng.choice([-1, 0, 0.1, 2.5])
                om.add_node(out, tree, node, feature, mode, np.float32(value), 2 * node + 1,
                            2 * node + 2, int(rng.integers(0, 2)))
            for node in range(15, 31):
                om.add_node(out, tree, node, 0, "LEAF", 0, 0, 0)
                weight = rng.random() / 9 if positive else rng.normal() / 8
                om.add_leaf(out, leaf, tree, node, 0, np.float32(weight))
        return out

    def test_every_kind_of_split(self):
        for seed in range(8):
            rng = np.random.default_rng(seed)
            numbers_ = rng.choice([-1, 0, 0.1, 0.2, 2.5, 7], (CHECKED, 2))
            codes = rng.integers(0, 8, (CHECKED, 2))
            rows = np.column_stack([numbers_, codes]).astype(np.float32)
            rows[rng.random(rows.shape) < 0.1] = np.nan
            graph = om.Graph()
            graph.input("X", width=4)
            if seed % 2 == 0:
                score = graph.ml_op("TreeEnsembleRegressor", ["X"], n_targets=1,
                                    base_values=[0.5],
                                    **self.random_trees(rng, "target", seed % 4 == 0))
            else:
                score = graph.ml_op("TreeEnsembleClassifier", ["X"], 2,
                                    classlabels_int64s=[0, 1], base_values=[0.25],
                                    post_transform=["NONE", "LOGISTIC"][seed // 2 % 2],
                                    **self.random_trees(rng, "class", seed % 4 == 1))[1]
            self.compare(graph, score, {"X": rows})

    def compare_to(self, graph, score, rows, expected):
        """Of what ONNX Runtime cannot run yet."""
        graph.save(self.path("model.onnx"), score)
        self.write_rows(graph, {"X": rows}, np.clip(expected, 0, 1))
        done = self.run_import("--check", self.path("rows.csv"))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_trees_as_opset_5_writes_them(self):
        rng = np.random.default_rng(1)
        rows = rng.integers(-1, 8, (CHECKED, 4)).astype(np.float32)
        rows[rng.random(rows.shape) < 0.1] = np.nan
        for codes in (False, True):
            trees = self.random_trees(rng, "target", codes)
            graph, newer = om.Graph(), om.Graph(ml=5)
            for one in (graph, newer):
                one.input("X", width=4)
            score = graph.ml_op("TreeEnsembleRegressor", ["X"], n_targets=1, **trees)
            expected = om.evaluate(graph, score, {"X": rows}, self.folder, NODE_MODULES)
            self.compare_to(newer, om.ensemble(newer, "X", trees), rows, expected[:, 0])

    def test_sets_of_categories(self):
        rows = np.arange(-1, 300).astype(np.float32).reshape(-1, 1)
        rows[7:9, 0] = np.nan, 3.5
        sets = [[1.0, 3.0, 254.0], [5.0, 8.0]]
        graph = om.Graph(ml=5)
        graph.input("X")
        score = om.tree_ensemble(
            graph, "X", [0.125, 0.25, 0.5], sets, tree_roots=[0], nodes_featureids=[0, 0],
            nodes_modes=onnx.helper.make_tensor("m", onnx.TensorProto.UINT8, [2],
                                                [om.MEMBER, om.MEMBER]),
            nodes_splits=onnx.helper.make_tensor("s", onnx.TensorProto.FLOAT, [2], [0, 0]),
            nodes_truenodeids=[0, 1], nodes_trueleafs=[1, 1], nodes_falsenodeids=[1, 2],
            nodes_falseleafs=[0, 1], nodes_missing_value_tracks_true=[0, 1])
        expected = np.where(np.isin(rows, sets[0]), 0.125, np.where(
            np.isin(rows, sets[1]) | np.isnan(rows), 0.25, 0.5))
        self.compare_to(graph, score, rows, expected[:, 0])

    def test_one_share_of_two_classes_and_a_vote_of_such(self):
        rng = np.random.default_rng(1)
        rows = rng.integers(-1, 7, (CHECKED, 4)).astype(np.float32)
        graph = om.Graph()
        graph.input("X", width=4)
        shares = [graph.ml_op("TreeEnsembleClassifier", ["X"], 2, classlabels_int64s=[0, 1],
                              **self.random_trees(rng, "class", positive=True))[1]
                  for _ in range(2)]
        self.compare(graph, shares[0], {"X": rows})
        self.compare(graph, om.voted(graph, shares), {"X": rows})

    # ---- what is refused ----

    def refused(self, graph, score, *reasons, labels=None, options=()):
        graph.save(self.path("model.onnx"), score, labels)
        done = self.run_import(*options)
        self.assertEqual(done.returncode, DATA_ERROR, done.stderr)
        for reason in reasons:
            self.assertIn(reason, done.stderr)
        self.assertFalse(os.path.exists(self.path("data")))

    def test_what_is_not_understood_is_refused_by_name(self):
        graph, x, y, _ = self.matrix()
        model = LogisticRegression().fit(x, y)
        score = om.logistic(graph, "X", model, "LOGISTIC")
        self.refused(graph, graph.op("Tanh", [score]), "Tanh", "the operator is not supported")
        graph, _, _, _ = self.matrix()
        score = om.logistic(graph, "X", model, "PROBIT")
        self.refused(graph, score, "LinearClassifier", "post_transform is not supported")
        graph, _, _, _ = self.matrix()
        value = graph.ml_op("Scaler", ["X"], offset=[0.0], scale=[1.0], novelty=1)
        self.refused(graph, om.logistic(graph, value, model, "NONE"), "novelty")
        graph, _, _, _ = self.matrix()
        shorter = graph.op("Gather", ["X", graph.constant([0], onnx.TensorProto.INT64)], axis=1)
        self.refused(graph, om.logistic(graph, shorter, model, "NONE"), "coefficients")

    def test_an_unequal_vote_is_refused(self):
        graph, x, y, _ = self.matrix()
        model = LogisticRegression().fit(x, y)
        a = om.logistic(graph, "X", model, "LOGISTIC")
        b = om.logistic(graph, "X", model, "LOGISTIC")
        score = graph.op("Sum", [graph.op("Mul", [a, graph.constant([0.3])]),
                                 graph.op("Mul", [b, graph.constant([0.7])])])
        self.refused(graph, score, "an average with equal weights", labels=[0, 1])

    def test_a_column_as_number_and_as_category_is_refused(self):
        graph = om.Graph()
        graph.input("ward")
        hot = om.one_hot(graph, "ward", WARDS)
        value = om.joined(graph, ["ward", hot])
        score = graph.ml_op("LinearRegressor", [value], coefficients=[0.1] * 5,
                            intercepts=[0.0])
        self.refused(graph, score, "input ward is prepared in two ways")

    def test_a_class_that_is_not_there_is_refused(self):
        graph, x, y, _ = self.matrix(classes=3)
        score = om.forest(graph, "X", DecisionTreeClassifier().fit(x, y))
        self.refused(graph, score, "it has 3 classes")
        self.refused(graph, score, "it has no class 7", options=("--class", "7"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
