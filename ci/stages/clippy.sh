#!/usr/bin/env bash
# No warning of the compiler or of clippy, in code or tests.
. ci/lib.sh
check "cargo clippy" cargo clippy --workspace --all-targets --quiet -- -D warnings
finish
