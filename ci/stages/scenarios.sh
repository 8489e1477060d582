#!/usr/bin/env bash
# The main job, as the README has it: every scenario, judged.
. ci/lib.sh
build

log=$WORK/scenarios.log
cargo run --release --quiet -- run scenarios --json "$WORK/scenarios.json" --junit "$WORK/junit.xml" | tee "$log"
code=${PIPESTATUS[0]}
closing=$(tail -1 "$log")
number() { sed -n "s/.*\b\([0-9][0-9]*\) $1.*/\1/p" <<<"$closing"; }
passed=$(number passed) failed=$(number failed) skipped=$(number skipped)
count pass "${passed:-0}"
count fail "${failed:-0}"
count skip "${skipped:-0}"
if [ "$code" != 0 ] && [ "${failed:-0}" = 0 ]; then fail "ikelab run exited with $code"; fi

# Scenarios are written one way, that of `ikelab fmt`.
if cargo run --release --quiet -- fmt --check scenarios >"$WORK/unformatted.log" 2>&1; then
    pass "scenarios are formatted"
else
    cat "$WORK/unformatted.log"
    fail "scenarios that are not formatted: ikelab fmt"
    code=1
fi
exit "$code"
