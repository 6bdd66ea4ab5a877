#!/bin/sh
# Runs each target, or those that are named, for FUZZ_SECONDS. Ends with 1 if one of them found something.
set -u
cd "$(dirname "$0")"

# Inputs longer than this, in bytes, tell no more and slow a target down.
max_length() {
    case "$1" in
    picture_orientation) echo 4096 ;;
    picture_*) echo 65536 ;;
    fetch_answer | body) echo 8192 ;;
    *) echo 4096 ;;
    esac
}

export RUSTC_BOOTSTRAP=1 CC="$PWD/cc.sh"
status=0
for target in ${*:-$(cargo fuzz list --fuzz-dir .)}; do
    mkdir -p "corpus/$target"
    cargo fuzz run --fuzz-dir . "$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="${FUZZ_SECONDS:-60}" -max_len="$(max_length "$target")" \
        -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 || status=1
done
exit $status
