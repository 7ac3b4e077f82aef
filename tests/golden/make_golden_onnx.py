# SPDX-License-Identifier: Apache-2.0
"""Writes the ONNX models of the golden set, and what ONNX Runtime says of their rows.

    CHW_ONNXRUNTIME_NODE=build/tools /usr/bin/python3 tests/golden/make_golden_onnx.py

Trained by python3-sklearn, written by tests/integration/onnx_models.py, evaluated by npm's
onnxruntime-node; sets of categories, which it cannot run yet, by numpy. As with
make_golden.py, run it again only to add one.
"""

import os
import sys
import tempfile

import numpy as np
import onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import onnx_models as om  # noqa: E402
from make_golden import folder, write_options, write_rows  # noqa: E402

NODE_MODULES = os.path.join(os.environ["CHW_ONNXRUNTIME_NODE"], "node_modules")
COUNTIES = ["Busia", "Kisumu", "Nakuru", "Turkana"]
TRAINED, ROWS, WIDTH = 200, 40, 3


def table(seed, rows, holes=0.0):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(18, 90, rows), rng.normal(27, 5, rows),
                         rng.integers(0, 5, rows)]).astype(np.float32)
    risk = x[:, 0] / 30 + x[:, 1] / 10 + x[:, 2] % 2 + rng.normal(0, 1, rows)
    x[rng.random(rows) < holes, 1] = np.nan
    return x, risk


def classes_of(risk, count=2):
    return np.digitize(risk, np.quantile(risk, np.arange(1, count) / count))


def write(name, graph, score, feeds, chosen=1, expected=None, labels=None):
    path = folder(name)
    if expected is None:
        with tempfile.TemporaryDirectory() as place:
            expected = om.evaluate(graph, score, feeds, place, NODE_MODULES)[:, chosen]
    graph.save(os.path.join(path, "model.onnx"), score, labels)
    names, columns = [], []
    for key, (_, width) in graph.inputs.items():
        names += [key] if width == 1 else [f"f{i}" for i in range(width)]
        columns += list(np.asarray(feeds[key], dtype=object).reshape(-1, width).T)
    write_rows(path, names, [["" if v != v else v for v in row] for row in zip(*columns)],
               expected)
    return path


def matrix(holes=0.0, classes=2):
    x, risk = table(1, TRAINED, holes)
    graph = om.Graph()
    graph.input("X", width=WIDTH)
    return graph, x, classes_of(risk, classes), {"X": table(2, ROWS, holes)[0]}


def pipeline():
    """Imputed and scaled numbers beside a category, each column a tensor."""
    x, risk = table(1, TRAINED, 0.2)
    imputer = SimpleImputer().fit(x[:, :2])
    scaler = StandardScaler().fit(imputer.transform(x[:, :2]))
    hot = np.eye(4)[x[:, 2].astype(int) % 4]
    model = LogisticRegression().fit(
        np.column_stack([scaler.transform(imputer.transform(x[:, :2])), hot]), classes_of(risk))
    graph = om.Graph()
    value = om.joined(graph, [graph.input("age"), graph.input("bmi")])
    value = om.scaled(graph, om.imputed(graph, value, imputer), scaler)
    county = om.one_hot(graph, graph.input("county", "string"), COUNTIES)
    score = om.logistic(graph, om.joined(graph, [value, county]), model, "LOGISTIC")
    rows, _ = table(2, ROWS, 0.2)
    names = np.array([*COUNTIES, "Wajir"], dtype=object)[rows[:, 2].astype(int)]
    names[:2] = ""
    write("onnx_pipeline", graph, om.normalized(graph, score),
          {"age": rows[:, 0], "bmi": rows[:, 1], "county": names}, labels=["no", "yes"])


def estimators():
    graph, x, y, feeds = matrix()
    model = RandomForestClassifier(6, max_depth=5, random_state=1).fit(x, y)
    write("onnx_forest", graph, om.forest(graph, "X", model), feeds)

    graph, x, y, feeds = matrix(0.2)
    model = HistGradientBoostingClassifier(max_iter=6, max_leaf_nodes=8).fit(x, y)
    write("onnx_histogram", graph, om.histogram_boosting(graph, "X", model), feeds)

    graph, x, y, feeds = matrix(classes=3)
    model = GradientBoostingClassifier(n_estimators=4, random_state=1).fit(x, y)
    path = write("onnx_classes", graph, om.boosting(graph, "X", model), feeds, chosen=2)
    write_options(path, "--class", "2")

    graph, x, y, feeds = matrix()
    model = CalibratedClassifierCV(LogisticRegression(), cv=3).fit(x, y)
    score = om.calibrated(graph, model.calibrated_classifiers_,
                          lambda m: om.logistic(graph, "X", m, "NONE"))
    write("onnx_calibrated", graph, score, feeds)


def sets():
    """One tree of opset 5: is the ward in a set, else in another?"""
    rows = np.concatenate([np.arange(0, 12), [254, 300, np.nan]]).astype(np.float32)
    members = [[1.0, 3.0, 254.0], [5.0, 8.0]]

    def tensor(name, kind, numbers):
        return onnx.helper.make_tensor(name, kind, [len(numbers)], numbers)

    graph = om.Graph(ml=5)
    graph.input("ward")
    score = om.tree_ensemble(
        graph, "ward", [0.125, 0.25, 0.5], members, tree_roots=[0], nodes_featureids=[0, 0],
        nodes_modes=tensor("modes", onnx.TensorProto.UINT8, [om.MEMBER, om.MEMBER]),
        nodes_splits=tensor("splits", onnx.TensorProto.FLOAT, [0.0, 0.0]),
        nodes_truenodeids=[0, 1], nodes_trueleafs=[1, 1], nodes_falsenodeids=[1, 2],
        nodes_falseleafs=[0, 1], nodes_missing_value_tracks_true=[0, 1])
    expected = np.where(np.isin(rows, members[0]), 0.125, np.where(
        np.isin(rows, members[1]) | np.isnan(rows), 0.25, 0.5))
    write("onnx_sets", graph, score, {"ward": rows}, expected=expected)


if __name__ == "__main__":
    pipeline()
    estimators()
    sets()
