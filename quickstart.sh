#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From nothing to a running cluster: install what is missing, build, run the demonstration.
# usage: quickstart.sh [options of `chw demo`]      Safe to run again.
set -eu
cd "$(dirname "$0")"
. deploy/debian.sh

# shellcheck disable=SC2086 # lists of words
install_packages $packages_build
echo "building"
cmake --preset release -DBUILD_TESTING=OFF >build-quickstart.log 2>&1 &&
    cmake --build --preset release >>build-quickstart.log 2>&1 || {
    tail -n 30 build-quickstart.log >&2
    fail "the build failed; the whole log is in build-quickstart.log"
}
rm build-quickstart.log
exec build/release/bin/chw demo "$@"
