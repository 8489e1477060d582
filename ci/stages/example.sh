#!/usr/bin/env bash
# A crate outside of the workspace runs its scenarios as tests.
. ci/lib.sh

if cargo test --quiet -p ikelab-test -- --include-ignored; then
    pass "ikelab-test, and its example as a workspace of its own"
else
    fail "ikelab-test"
fi
finish
