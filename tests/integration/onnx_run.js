// SPDX-License-Identifier: Apache-2.0
// onnx_run.js - run one ONNX model by npm's onnxruntime-node, which is found by NODE_PATH.
//
//   stdin:  {"model": path, "feeds": {name: {"type": "float32" | "int64" | "string",
//           "dims": [...], "data": [...]}}, "outputs": [names; all where absent]}
//   stdout: {name: {"dims": [...], "data": [...]}}
//
// A float that is not finite is the text "NaN", "Infinity" or "-Infinity", both ways. What
// is wrong goes to stderr, as one line, with exit code 1. Outputs must be tensors.
'use strict';

const fs = require('fs');
const ort = require('onnxruntime-node');

// What a value of each type is made of; texts stay.
const readers = { float32: Number, int64: BigInt };

function tensorOf({ type, dims, data }) {
    const read = readers[type];
    return new ort.Tensor(type, read ? data.map(read) : data, dims);
}

function plain(value) {
    if (typeof value === 'string') return value;
    const number = Number(value);
    return Number.isFinite(number) ? number : String(number);
}

function resultOf({ dims, data }) {
    return { dims, data: Array.from(data, plain) };
}

function mapValues(object, change) {
    return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

async function main() {
    const task = JSON.parse(fs.readFileSync(0, 'utf8'));
    const session = await ort.InferenceSession.create(task.model, { logSeverityLevel: 3 });
    const feeds = mapValues(task.feeds, tensorOf);
    const results = await session.run(feeds, task.outputs || session.outputNames);
    process.stdout.write(JSON.stringify(mapValues(results, resultOf)) + '\n');
}

main().catch((error) => {
    console.error(`onnx_run.js: ${String(error.message).split('\n')[0]}`);
    process.exitCode = 1;
});
