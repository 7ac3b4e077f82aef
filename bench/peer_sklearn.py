#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""scikit-learn beside chw-bench-kernel, which starts this and talks to it by lines on a socket:

    FOLDER                                   "ready scikit-learn VERSION"
    forest ROWS WIDTH SEED TREES LEAVES      trains on the files inputs and outcomes
    logistic ROWS WIDTH SEED                 the same; "ok", and the file model has the estimator
    rows ROWS WIDTH BATCH                    the rows to score are in the file inputs
    score                                    "ok", and the file scores has their probabilities
    rate PROCESSES SECONDS CPU               "ok RECORDS_PER_SECOND"; CPU 1: by CPU time

"failed SENTENCE" where something cannot be. Files are native arrays of float32; the model's are
said below. At the end of the input the folder is removed."""
import os

for pinned in "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS":
    os.environ[pinned] = "1"

import shutil
import sys
import time

RECORDS_PER_LOOK = 1024


class Peer:
    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name, width=None):
        values = numpy.fromfile(self.path(name), dtype=numpy.float32)
        return values if width is None else values.reshape(-1, width)

    def fit(self, model, rows, width):
        inputs, outcomes = self.read("inputs", width), self.read("outcomes")
        if len(inputs) != rows or len(outcomes) != rows:
            raise ValueError("%d rows, expected %d" % (len(inputs), rows))
        self.model = model.fit(inputs, outcomes)

    def forest(self, rows, width, seed, trees, leaves):
        self.type = numpy.float32
        self.fit(RandomForestClassifier(n_estimators=trees, max_leaf_nodes=leaves, n_jobs=-1,
                                        random_state=seed), rows, width)
        self.model.set_params(n_jobs=1)
        with open(self.path("model"), "wb") as file:
            for estimator in self.model.estimators_:
                self.write_tree(estimator.tree_, file)

    @staticmethod
    def write_tree(tree, file):
        """int64 count; per node int64 left (-1: a leaf), right, input; float64 threshold, then
        the share of outcome 1, then the weight of the training rows that came by."""
        counts = tree.value[:, 0, :]
        numpy.array([tree.node_count], dtype=numpy.int64).tofile(file)
        for column in tree.children_left, tree.children_right, tree.feature:
            column.astype(numpy.int64).tofile(file)
        for column in (tree.threshold, counts[:, 1] / counts.sum(axis=1),
                       tree.weighted_n_node_samples):
            column.astype(numpy.float64).tofile(file)

    def logistic(self, rows, width, seed):
        """float64 intercept and weights. It multiplies in float64, whatever it is given, and is
        faster when given that."""
        self.type = numpy.float64
        self.fit(LogisticRegression(max_iter=1000, random_state=seed), rows, width)
        weights = numpy.concatenate([self.model.intercept_, self.model.coef_[0]])
        weights.astype(numpy.float64).tofile(self.path("model"))

    def rows(self, rows, width, batch):
        inputs = self.read("inputs", width).astype(self.type)
        if len(inputs) != rows or rows % batch != 0:
            raise ValueError("%d rows in batches of %d" % (len(inputs), batch))
        self.batches = [inputs[at:at + batch] for at in range(0, rows, batch)]

    def score(self):
        scores = [self.model.predict_proba(batch)[:, 1] for batch in self.batches]
        numpy.concatenate(scores).astype(numpy.float32).tofile(self.path("scores"))

    def rate(self, processes, seconds, cpu):
        self.clock = time.process_time if cpu else time.perf_counter
        if processes == 1:
            return "%.6f" % self.loop(0, seconds)
        pipes = [self.start(number, processes, seconds) for number in range(processes)]
        rates = [float(os.fdopen(pipe).read()) for pipe in pipes]
        for _ in pipes:
            os.wait()
        return "%.6f" % sum(rates)

    def start(self, number, processes, seconds):
        """One loop in a process of its own, begun at another batch: Python's threads would wait
        for each other."""
        reader, writer = os.pipe()
        if os.fork() == 0:
            try:
                rate = self.loop(number * len(self.batches) // processes, seconds)
                os.write(writer, b"%.6f" % rate)
            finally:
                os._exit(0)
        os.close(writer)
        return reader

    def loop(self, batch, seconds):
        """As the C side: the clock is read every thousand records."""
        size = len(self.batches[0])
        per_look = -(-RECORDS_PER_LOOK // size)
        done, start = 0, self.clock()
        while True:
            for _ in range(per_look):
                self.model.predict_proba(self.batches[batch % len(self.batches)])
                batch += 1
            done += per_look * size
            spent = self.clock() - start
            if spent >= seconds:
                return done / spent


def serve(folder):
    peer = Peer(folder)
    print("ready scikit-learn", sklearn.__version__, flush=True)
    for line in sys.stdin:
        command, *words = line.split()
        try:
            numbers = [float(word) if "." in word else int(word) for word in words]
            answer = getattr(peer, command)(*numbers)
            print("ok", answer or "", flush=True)
        except Exception as error:
            print("failed", " ".join(str(error).split())[:200], flush=True)


if __name__ == "__main__":
    place = sys.stdin.readline().strip()
    try:
        import numpy
        import sklearn
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        serve(place)
    except ImportError as absent:
        print("failed", absent, flush=True)
    finally:
        shutil.rmtree(place)
