#!/usr/bin/env bash
# The rules of the house; prints matters of taste too (long files and functions).
. ci/lib.sh
check "the house keeps its rules" cargo test --quiet -p ikelab-tidy --test house -- --nocapture
finish
