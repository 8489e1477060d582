#!/usr/bin/env bash
# A newcomer's first minutes: an empty clone, the two commands of the README.
. ci/lib.sh

clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git clone --quiet . "$clone" || { fail "git clone"; finish; }
unset CARGO_TARGET_DIR
cd "$clone" || exit 70
began=$SECONDS
check "cargo run --release -- run scenarios" cargo run --release -- run scenarios
echo "   after $((SECONDS - began)) s"
check "cargo test" cargo test
echo "   after $((SECONDS - began)) s"
finish
