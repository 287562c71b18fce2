#!/bin/sh
# Builds the test and the timings of the CUDA back end with a plain C compiler (nothing of CUDA, no
# CMake, no library but libc and libm) and runs them: `sh tests/cuda/run-on-card.sh [test|time]`.
# Exits 77 where there is no card; the programs were built all the same.
set -eu
cd "$(dirname "$0")/../.."
what=${1:-all}
build=${BUILD:-$(mktemp -d)}
mkdir -p "$build"
sources="src/ops/cuda/*.c src/ops/cpu/*.c src/ops/host/*.c src/ops/ref/*.c src/tensor/tensor.c src/base/context.c src/base/pool.c
         src/base/memory.c src/base/file.c src/base/text.c src/base/number.c"
for program in test_cuda_ops time_ops; do
    # shellcheck disable=SC2086
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -g -pthread -ffp-contract=off -Iinclude -Isrc -Itests/cuda \
        -o "$build/$program" tests/cuda/$program.c $sources -ldl -lm
done
status=0
if [ "$what" != time ]; then
    echo "--- operations beside the reference"
    "$build/test_cuda_ops" || status=$?
    [ $status != 77 ] || exit 77
fi
if [ "$what" != test ]; then
    echo "--- times"
    "$build/time_ops" || status=$?
fi
exit $status
