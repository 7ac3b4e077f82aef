#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Dependencies point one way: base <- wire, store, model, table, exchange <- publish <-
# programs and client.
# Each folder names what it may include besides itself; each library has its homes.
# usage: includes.sh PROJECT_FOLDER
set -euf # -f: the homes below are patterns for case, not for files
cd "$1"

allowed() {
    case $1 in
    lib/base) echo "base" ;;
    lib/publish) echo "base model store publish" ;;
    lib/*) echo "base ${1#lib/}" ;;
    bench) echo "base wire store model table exchange bench client trainer worker" ;;
    *) echo "base wire store model table exchange publish metrics $1" ;;
    esac
}

home() {
    case $1 in
    sodium.h) echo "lib/base/crypto.c" ;;
    yaml.h) echo "lib/base/yaml.c" ;;
    sqlite3.h) echo "lib/store/store_sqlite*" ;;
    hiredis/*) echo "lib/store/redis_link.h" ;;
    csv.h | zlib.h) echo "lib/table/*" ;;
    linear.h) echo "trainer/fit_logistic.c" ;;
    xgboost/*) echo "trainer/fit_xgboost.c|bench/kernel_peer_xgboost.c" ;;
    coin/*) echo "optimizer/lp.c" ;;
    jansson.h) echo "lib/exchange/document.h" ;;
    microhttpd.h) echo "lib/metrics/metrics_server.c" ;;
    zmq.h) echo "lib/wire/*|broker/loop.c|worker/loop.c|client/link.c|bench/subject.c" ;;
    czmq.h) echo "nowhere-yet" ;;
    *) echo "*" ;;
    esac
}

bad=0
complain() {
    echo "$1: $2" >&2
    bad=1
}

for file in $(find lib broker worker trainer optimizer client bench -name '*.[ch]'); do
    case $file in lib/*) folder=$(echo "$file" | cut -d/ -f1-2) ;; *) folder=${file%%/*} ;; esac
    ok=" $(allowed "$folder") "
    for header in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file"); do
        case $header in
        *.pb-c.h) continue ;;
        */*) ;;
        *) complain "$file" "includes \"$header\" without its folder"; continue ;;
        esac
        case $ok in *" ${header%%/*} "*) ;; *) complain "$file" "may not include $header (allowed:$ok)" ;; esac
    done
    for header in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*<\([^>]*\)>.*/\1/p' "$file"); do
        homes=$(home "$header")
        found=no
        IFS='|'
        for pattern in $homes; do
            # shellcheck disable=SC2254 # the homes are patterns
            case $file in $pattern) found=yes ;; esac
        done
        unset IFS
        [ $found = yes ] || complain "$file" "may not include <$header>: its home is $homes"
    done
done
if [ $bad = 0 ]; then echo "dependencies point one way"; fi
exit $bad
