#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Goal: the rule by which a batch ends (settlement.pml) holds in each order of events.
# Method: Spin searches all of them, in several sizes; planted faults must be found, and what
# a client can be told must be told. 77: there is no spin.
# usage: check.sh
set -euo pipefail
model=$(cd "$(dirname "$0")" && pwd)/settlement.pml
command -v spin >/dev/null || { echo "skipped: no spin here"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
    echo "check.sh: $*" >&2
    exit 1
}

# build DEFINE...: a searcher of this variant, into pan.c
build() {
    spin -a "$@" "$model" >said || fail "spin: $(cat said)"
}

# compile OPTION...: its memory is bounded
optimisation=-O1
compile() {
    ${CC:-cc} $optimisation -w -DCOLLAPSE -DMEMLIM=2048 "$@" -o pan pan.c
}

# Without the claim: the assert()s, and ends where somebody should go on.
search_safety() {
    compile -DSAFETY -DNOCLAIM
    ./pan -m100000 >said 2>&1
}

search_loss() {
    compile -DNOFAIR
    ./pan -a -N no_loss -m100000 >said 2>&1
}

# What pan leaves out it says in these words; then what it has not seen may be wrong.
expect_none() {
    grep -q "errors: 0" said || fail "$1: $(cat said)"
    ! grep -qiE "not completed|too small|truncated|out of memory|reached -DMEMLIM" said ||
        fail "$1: not all was searched: $(cat said)"
    echo "$1: $(grep -o '[0-9]* states, stored' said), errors: 0"
}

holds() {
    build "$@"
    search_safety
    expect_none "safety $*"
    search_loss
    expect_none "no loss $*"
}

# finds SEARCH WORDS DEFINE...
finds() {
    search=$1 words=$2
    shift 2
    build "$@"
    "$search" || true
    grep -q "^pan:1: $words" said || fail "not found: $*: $(cat said)"
    echo "found: $*"
}

holds -DCRASHES=3 -DRESENDS=0 -DLOSSES=1 -DRESTARTS=1
holds -DCOST=2 -DSUSPICIONS=1
holds -DCRASHES=1 -DFORGETS=1
holds -DBATCHES=2 -DCRASHES=1 -DRESENDS=0

optimisation=-O0 # these end soon
finds search_safety "assertion violated" -DFAULT=SETTLED_UNREAD -DCRASHES=1
finds search_safety "assertion violated" -DFAULT=WATERMARK_UNREAD -DBATCHES=2
finds search_safety "assertion violated" -DFAULT=BURY_UNRECORDED -DCOST=2 -DCRASHES=1
finds search_safety "assertion violated" -DFAULT=BURY_BY_BROKER -DCOST=2 -DCRASHES=1
finds search_loss "acceptance cycle" -DFAULT=BURY_FORGOTTEN -DCOST=2 -DCRASHES=1
finds search_safety "assertion violated" -DFAULT=ANSWER_FIRST -DCRASHES=1
finds search_safety "assertion violated" -DFAULT=VERSION_OF_NOW
finds search_safety "assertion violated" -DFAULT=ACKED_TOO_EARLY -DFORGETS=1 -DBATCHES=2

finds search_safety "assertion violated (kind" -DREACH=COUNTED
finds search_safety "assertion violated (kind" -DREACH=INVALID
finds search_safety "assertion violated (kind" -DREACH=DEAD -DCRASHES=3 -DRESENDS=0
finds search_safety "assertion violated (kind" -DREACH=ACKNOWLEDGED -DBATCHES=2
