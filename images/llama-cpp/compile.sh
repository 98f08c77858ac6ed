#!/bin/sh
# Compiles llama-server and cloister-launcher inside a container with network none.
#
#   read-only   /build/src       upstream's whole tree
#               /build/launcher  our launcher's sources
#   writable    /build/obj       build folder, starts empty
#               /out             starts empty; ends with exactly the files to ship
#   environment JOBS, COMMIT (12 hex digits), SOURCE_DATE_EPOCH
#               VARIANTS  all = one CPU backend per instruction set, the server picks the best at start
#                         one = only the AVX2 backend, under its name in `all` and with the same bytes
#
# Any user, any umask, any locale: the bytes in /out depend on the sources, this file and the packages alone.
# There is no find, git, perl, python or cc in here.
set -eu
umask 022
export PATH=/usr/bin:/bin LC_ALL=C TZ=UTC
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CPATH LIBRARY_PATH LD_LIBRARY_PATH

SOURCE=/build/src
LAUNCHER=/build/launcher
OBJECTS=/build/obj
OUT=/out
# Where the image keeps all of it: the one folder in which the server looks for CPU backends.
HOME_IN_IMAGE=/opt/llama

main() {
    check_inputs
    check_no_network
    # The root file system may be read-only: the compiler's scratch files go beside the objects.
    mkdir -p "$OBJECTS/tmp"
    export TMPDIR="$OBJECTS/tmp" HOME="$OBJECTS/tmp" SOURCE_DATE_EPOCH
    say "configure ($VARIANTS variants, $JOBS jobs)"
    configure
    say "compile llama-server"
    cmake --build "$OBJECTS/llama" --parallel "$JOBS" --target llama-server
    say "compile cloister-launcher"
    compile_launcher
    say "collect"
    collect
    say "check"
    for file in "$OUT"/*; do check_elf "$file"; done
    check_backends
    check_versions
    say "done"
}

check_inputs() {
    expect JOBS "${JOBS-}" '[1-9][0-9]*'
    expect VARIANTS "${VARIANTS-}" 'all\|one'
    expect COMMIT "${COMMIT-}" '[0-9a-f]\{12\}'
    expect SOURCE_DATE_EPOCH "${SOURCE_DATE_EPOCH-}" '[0-9]\{1,12\}'
    [ -f "$SOURCE/CMakeLists.txt" ] || die "no CMakeLists.txt in $SOURCE"
    [ -f "$LAUNCHER/main.c" ] || die "no main.c in $LAUNCHER"
    empty_folder "$OBJECTS"
    empty_folder "$OUT"
}

expect() { # name value pattern
    printf '%s\n' "$2" | grep -qx "$3" || die "$1 is \"$2\", expected $3"
}

empty_folder() {
    for entry in "$1"/* "$1"/.[!.]*; do
        [ ! -e "$entry" ] || die "$1 is not empty: $entry"
    done
}

# A build that could reach a network would not prove that it needs none. Routes, not interfaces: some kernels put
# tunnel devices that lead nowhere into every new network namespace.
check_no_network() {
    [ -r /proc/net/route ] || die "no /proc/net/route to look at"
    routes=$(
        sed 1d /proc/net/route
        [ ! -e /proc/net/ipv6_route ] || grep -v ' lo$' /proc/net/ipv6_route || true
    )
    [ -z "$routes" ] || die "expected a container without a network, found a route: $routes"
}

configure() {
    # -w: upstream's warnings are upstream's business, and they fill 14 MB of log.
    flags="-w -Wno-psabi -ffile-prefix-map=$SOURCE=. -ffile-prefix-map=$OBJECTS=."
    # Every instruction set is named: with SOURCE_DATE_EPOCH set upstream's defaults silently fall to plain x86-64.
    case "$VARIANTS" in
    all) variants="-DGGML_CPU_ALL_VARIANTS=ON" ;;
    one)
        variants="-DGGML_CPU_ALL_VARIANTS=OFF -DGGML_SSE42=ON -DGGML_AVX=ON"
        variants="$variants -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON"
        ;;
    esac
    # shellcheck disable=SC2086 -- $variants is a list of words
    cmake -S "$SOURCE" -B "$OBJECTS/llama" -G Ninja -Wno-dev \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=gcc-12 -DCMAKE_CXX_COMPILER=g++-12 \
        -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" \
        -DCMAKE_EXE_LINKER_FLAGS=-Wl,-z,relro,-z,now \
        -DCMAKE_SHARED_LINKER_FLAGS=-Wl,-z,relro,-z,now \
        -DCMAKE_MODULE_LINKER_FLAGS=-Wl,-z,relro,-z,now \
        -DBUILD_SHARED_LIBS=ON -DCMAKE_INSTALL_RPATH='$ORIGIN' -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON \
        -DGGML_BACKEND_DL=ON -DGGML_BACKEND_DIR="$HOME_IN_IMAGE" $variants \
        -DGGML_NATIVE=OFF -DGGML_CCACHE=OFF -DGGML_OPENMP=OFF -DGGML_RPC=OFF -DGGML_BLAS=OFF \
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF \
        -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF \
        -DLLAMA_OPENSSL=OFF -DLLAMA_SUBPROCESS=OFF -DLLAMA_LLGUIDANCE=OFF \
        -DLLAMA_BUILD_IS_DEV=OFF -DLLAMA_BUILD_NUMBER=0 -DLLAMA_BUILD_COMMIT="$COMMIT"
}

compile_launcher() {
    gcc-12 -std=c11 -O2 -Wall -Wextra -Werror -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -pie \
        -ffile-prefix-map="$LAUNCHER"=. -Wl,-z,relro,-z,now \
        -o "$OBJECTS/cloister-launcher" "$LAUNCHER"/*.c
}

collect() {
    for file in "$OBJECTS/llama/bin"/*; do
        [ ! -L "$file" ] || continue
        case "${file##*/}" in
        llama-server) ship "$file" llama-server 0755 ;;
        # Named as in the full set: the server then asks it whether this CPU can run it, instead of just running it.
        libggml-cpu.so) ship "$file" libggml-cpu-haswell.so 0644 ;;
        lib*.so | lib*.so.*) ship "$file" "${file##*/}" 0644 ;;
        *) die "unexpected build result $file" ;;
        esac
    done
    ship "$OBJECTS/cloister-launcher" cloister-launcher 0755
}

ship() { # file name mode
    strip --strip-unneeded -o "$OUT/$2" "$1"
    chmod "$3" "$OUT/$2"
    soname=$(dynamic SONAME "$OUT/$2")
    [ -z "$soname" ] || [ "$soname" = "$2" ] || ln -s "$2" "$OUT/$soname"
}

dynamic() { # tag file
    readelf -dW "$2" | sed -n "s/.*($1).*\\[\\(.*\\)\\]\$/\\1/p"
}

check_elf() {
    for needed in $(dynamic NEEDED "$1"); do
        case "$needed" in
        libstdc++.so.6 | libgcc_s.so.1 | libm.so.6 | libc.so.6 | ld-linux-*.so.*) ;;
        *) [ -e "$OUT/$needed" ] || die "$1 needs $needed, which is neither ours nor expected" ;;
        esac
    done
    [ -z "$(dynamic RPATH "$1")" ] || die "$1 has an RPATH"
    runpath=$(dynamic RUNPATH "$1")
    case "$runpath" in
    '' | '$ORIGIN') ;;
    *) die "$1 has RUNPATH $runpath" ;;
    esac
    ! grep -aqF /build/ "$1" || die "$1 names a folder of this build"
}

check_backends() {
    backends=0
    for file in "$OUT"/libggml-cpu-*.so; do
        [ ! -f "$file" ] || backends=$((backends + 1))
    done
    case "$VARIANTS $backends" in
    "one 1" | "all 14") ;;
    *) die "$backends CPU backends for VARIANTS=$VARIANTS, expected 1 for one and 14 for all" ;;
    esac
    [ -f "$OUT/libggml-cpu-haswell.so" ] || die "no libggml-cpu-haswell.so"
}

check_versions() {
    version=$("$OUT/llama-server" --version 2>&1 | grep '^version: ') || die "llama-server --version does not answer"
    say "llama-server $version"
    case "$version" in
    *-dev*) die "a development version" ;;
    *"commit $COMMIT"*) ;;
    *) die "not the commit $COMMIT" ;;
    esac
    say "$("$OUT/cloister-launcher" --version)"
}

say() { echo "== $*"; }

die() {
    echo "compile.sh: $*" >&2
    exit 1
}

main
