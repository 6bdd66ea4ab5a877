#!/bin/sh
# The C compiler of a fuzz build. Watches the memory and the branches of libjpeg's C code if there is a clang, and compiles
# everything else, SQLite for build scripts among it, as usual.
case "$OUT_DIR" in
*mozjpeg*)
    if command -v clang >/dev/null; then
        exec clang -fsanitize=address -fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp "$@"
    fi
    ;;
esac
exec cc "$@"
