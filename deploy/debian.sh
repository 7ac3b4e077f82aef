# SPDX-License-Identifier: Apache-2.0
# Debian 12 packages, for quickstart.sh and test.sh. Sourced, not run.

packages_build="gcc libc6-dev cmake ninja-build pkg-config protobuf-compiler protobuf-c-compiler
    libprotobuf-c-dev libzmq3-dev libsqlite3-dev libsodium-dev libyaml-dev zlib1g-dev
    liblinear-dev libcsv-dev libmicrohttpd-dev libxgboost-dev libjansson-dev libhiredis-dev
    coinor-libclp-dev"
# redis-tools: redis-check-rdb is the server under another name; the package redis-server would
# start a service.
packages_test="libcmocka-dev python3 python3-sklearn python3-xgboost python3-scipy python3-onnx
    redis-tools spin"

fail() {
    echo "$0: $*" >&2
    exit 1
}

# Those of "$@" that are not installed, on one line.
missing_packages() {
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
            printf '%s ' "$package"
    done
}

# Run as root: directly, by sudo, or say what a person with the root password must run.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "this needs root and there is no sudo here; run, then start again:
    su -c 'apt-get update && apt-get install -y --no-install-recommends $missing'"
    fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

have_lists() {
    ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || as_root apt-get update
}

# Says what is needed, installs what is missing. Lists that are missing, or so old that the
# install fails, are fetched first.
install_packages() {
    echo "needs the Debian packages: $(echo "$@")"
    command -v dpkg-query >/dev/null || fail "this is not a Debian system (no dpkg-query):
    install the above by your system's means, and build as README.md says under Building"
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || { echo "all are installed"; return 0; }
    echo "installing: $missing"
    have_lists || fail "apt-get update failed: is the network there?"
    # shellcheck disable=SC2086 # a list of words
    apt_install $missing || { as_root apt-get update && apt_install $missing; } ||
        fail "apt-get could not install: $missing"
}

# unpack_package NAME FOLDER: its files without installing it, where a package would start a
# service that nobody asked for.
unpack_package() {
    mkdir -p "$2"
    have_lists && (cd "$2" && apt-get download "$1" && dpkg-deb -x "$1"_*.deb . && rm "$1"_*.deb) ||
        fail "the package $1 could not be fetched into $2"
}
