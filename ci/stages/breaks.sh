#!/usr/bin/env bash
# breaks: each rule of the engine is taken away once (ci/breaks), and its scenario has to fail. Not part of `all`.
. ci/lib.sh
command -v python3 >/dev/null || { skip "breaks: no python3"; finish; }

# A copy of what git knows, with all breaks in it, built once and off until they are asked for.
BREAKS=$PWD/target/breaks
rm -rf "$BREAKS/tree"
mkdir -p "$BREAKS/tree"
git ls-files -z | xargs -0 cp --parents -t "$BREAKS/tree"
python3 ci/breaks.py apply "$BREAKS/tree" || { fail "breaks that do not fit the engine any more"; finish; }
(cd "$BREAKS/tree" && CARGO_TARGET_DIR=$BREAKS/build cargo build --quiet -p ikelab-cli) || { fail "the breaks do not build"; finish; }
python3 ci/breaks.py run "$BREAKS/build/debug/ikelab" | tee "$WORK/breaks.txt"
count pass "$(grep -c '^ok ' "$WORK/breaks.txt")"
count skip "$(grep -c '^skip ' "$WORK/breaks.txt")"
count fail "$(grep -c '^FAIL ' "$WORK/breaks.txt")"
if grep -q '^FAIL ' "$WORK/breaks.txt"; then FAILED=1; fi
finish
