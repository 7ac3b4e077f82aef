#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# All tests: install what they need, build, run them, with sanitizers too, and count.
# usage: test.sh      Safe to run again, from any folder.
set -euo pipefail
cd "$(dirname "$0")"
. deploy/debian.sh

command -v node >/dev/null || packages_test="$packages_test nodejs"
command -v npm >/dev/null || packages_test="$packages_test npm"
# shellcheck disable=SC2086 # lists of words
install_packages $packages_build $packages_test

tools=$PWD/build/tools
# promtool judges our metrics; Debian's package would start a Prometheus besides.
if ! command -v promtool >/dev/null; then
    [ -x "$tools/usr/bin/promtool" ] || unpack_package prometheus "$tools"
    export PROMTOOL=$tools/usr/bin/promtool
fi

# onnxruntime-node judges ONNX models; it brings its library along, so no script need run.
# Where npm's registry cannot be reached the tests that need it are skipped, and counted.
if [ -z "${CHW_ONNXRUNTIME_NODE:-}" ] && [ ! -d "$tools/node_modules/onnxruntime-node" ]; then
    npm install --ignore-scripts --no-save --no-audit --no-fund --prefix "$tools" \
        onnxruntime-node@1.12.1 >/dev/null ||
        echo "npm could not install onnxruntime-node into $tools: ONNX Runtime's tests are skipped" >&2
fi

passed=0
skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# run_preset NAME: build one preset and run its tests; the first failure ends everything.
run_preset() {
    echo "== $1: build"
    cmake --preset "$1" >"$log" 2>&1 && cmake --build --preset "$1" >"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        fail "the $1 build failed"
    }
    echo "== $1: tests"
    ctest --preset "$1" --no-tests=error 2>&1 | tee "$log" || {
        echo "$passed passed, $(grep -c 'Failed\|Timeout' "$log" || true) failed"
        fail "a test of the $1 build failed; again alone: ctest --preset $1 -R NAME"
    }
    passed=$((passed + $(grep -c ' Passed ' "$log" || true)))
    skipped=$((skipped + $(grep -c '\*\*\*Skipped' "$log" || true)))
}

run_preset dev
run_preset asan
run_preset tsan
echo "$passed passed, 0 failed, $skipped skipped"
