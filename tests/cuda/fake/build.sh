#!/bin/sh
# Builds the pretended libraries into a folder: `sh tests/cuda/fake/build.sh FOLDER [compiler flags]`.
# With LD_LIBRARY_PATH=FOLDER the whole back end then runs on a machine without a card.
set -eu
out=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
kernels=$here/../../../src/ops/cuda
mkdir -p "$out"
for file in "$kernels"/kernels/*.cu; do
    name=$(basename "$file" .cu)
    {
        echo "#include \"device.h\""
        echo "#include \"kernels/shared.h\""
        echo "#include \"kernels/common.cuh\""
        echo "#include \"kernels/$name.cu\""
        sed -n "s/^KERNEL($name, \(.*\))/FAKE_REGISTER(\1)/p" "$kernels/kernels.def"
    } >"$out/$name.cpp"
done
${CXX:-c++} -std=c++17 -O3 -g -fPIC -shared -fvisibility=hidden -ffp-contract=off -w -I"$here" -I"$kernels" "$@" \
    -o "$out/libcuda.so.1" "$here"/libcuda.cpp "$here"/fibres.cpp "$out"/*.cpp
${CC:-cc} -std=c11 -O1 -g -fPIC -shared -I"$here" "$@" -o "$out/libnvrtc.so.13" "$here/libnvrtc.c"
${CC:-cc} -std=c11 -O3 -g -fPIC -shared -I"$here" "$@" -o "$out/libcublasLt.so.13" "$here/libcublaslt.c" \
    $(pkg-config --cflags --libs openblas)
