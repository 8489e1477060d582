#!/usr/bin/env bash
# cargo test, as the README has it; every test counts.
. ci/lib.sh

log=$WORK/test.log
cargo test --no-fail-fast 2>&1 | tee "$log"
code=${PIPESTATUS[0]}
count_tests "$log"
count pass "$TESTS_PASSED"
count fail "$TESTS_FAILED"
count skip "$TESTS_IGNORED"
echo "$TESTS_PASSED tests passed, $TESTS_FAILED failed, $TESTS_IGNORED ignored"
if [ "$code" != 0 ] && [ "$TESTS_FAILED" = 0 ]; then fail "cargo test exited with $code"; fi
exit "$code"
