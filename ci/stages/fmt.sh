#!/usr/bin/env bash
# Every file is as rustfmt writes it.
. ci/lib.sh
check "cargo fmt --check" cargo fmt --all --check
finish
