# What the stages share: counting, and the binary. Sourced, with the top of the project as the
# working folder.
set -uo pipefail
: "${COUNTS:=/dev/null}"

IKELAB=${CARGO_TARGET_DIR:-target}/release/ikelab
WORK=${CARGO_TARGET_DIR:-target}/ci
mkdir -p "$WORK"

FAILED=0
# pass TEXT [HOW_MANY] | fail TEXT [HOW_MANY] | skip TEXT [HOW_MANY]
pass() { count pass "${2:-1}"; echo "ok   $1"; }
fail() { count fail "${2:-1}"; echo "FAIL $1"; FAILED=1; }
skip() { count skip "${2:-1}"; echo "skipped $1"; }
count() { if [ "$2" != 0 ]; then echo "$1 $2" >>"$COUNTS"; fi; }
finish() { exit "$FAILED"; }

# check TEXT COMMAND...: one check that passes when the command does.
check() {
    local text=$1
    shift
    if "$@"; then pass "$text"; else fail "$text: $* exited with $?"; fi
}

# The release binary, built once a run.
build() {
    cargo build --release --bin ikelab --quiet && return 0
    fail "the release binary does not build"
    finish
}

# Adds up the tests that a log of `cargo test` tells of.
count_tests() {
    local sums
    sums=$(awk '/^test result:/ { p += $4; f += $6; i += $8 } END { print p + 0, f + 0, i + 0 }' "$1")
    read -r TESTS_PASSED TESTS_FAILED TESTS_IGNORED <<<"$sums"
}
