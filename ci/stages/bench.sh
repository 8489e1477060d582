#!/usr/bin/env bash
# Times a handshake and a day of rekeying, and leaves reports/latest/bench.json.
. ci/lib.sh

mkdir -p reports/latest
if cargo bench --quiet -p ikelab-bench -- "$PWD/reports/latest/bench.json" && [ -s reports/latest/bench.json ]; then
    pass "reports/latest/bench.json is written"
else
    fail "the benchmark did not run"
fi
finish
