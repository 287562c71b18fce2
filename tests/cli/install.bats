load helpers

# The result of `cmake --install`, used by programs in C and C++.

setup_file() {
    build=$(dirname "$(readlink -f "$WAGLE")")
    cmake --install "$build" --prefix "$BATS_FILE_TMPDIR/usr" >/dev/null
    export usr=$BATS_FILE_TMPDIR/usr
    export PKG_CONFIG_PATH=$(dirname "$(find "$usr" -name wagle.pc)")
    export LD_LIBRARY_PATH=$(dirname "$(find "$usr" -name libwagle.so.0)")
    # a sanitized library needs a sanitized program
    sanitize=""
    nm -D "$LD_LIBRARY_PATH/libwagle.so" | grep -q __asan_init && sanitize="-fsanitize=address,undefined"
    nm -D "$LD_LIBRARY_PATH/libwagle.so" | grep -q __tsan_init && sanitize="-fsanitize=thread"
    export sanitize
}

program() { # FILE
    cat >"$1" <<'C'
#include <stdio.h>
#include <string.h>
#include <wagle/wagle.h>

int main(int argc, char **argv)
{
    wagle_ctx *ctx;
    wagle_inspect_options o;
    char *text = NULL;
    wagle_status status;

    if (argc < 2 || strcmp(wagle_version(), WAGLE_VERSION) != 0 || wagle_ctx_new(&ctx) != WAGLE_OK)
        return 9;
    wagle_inspect_defaults(&o);
    o.path = argv[1];
    status = wagle_inspect(ctx, &o, &text);
    printf("%s\n", status == WAGLE_OK ? text : wagle_message(ctx));
    wagle_string_free(text);
    wagle_ctx_free(ctx);
    return (int)status;
}
C
}

@test "a program in C and one in C++ are built with pkg-config, and run" {
    program p.c
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror $sanitize p.c -o in-c $(pkg-config --cflags --libs wagle)
    cp p.c p.cpp
    ${CXX:-c++} -std=c++17 -Wall -Wextra -Werror $sanitize p.cpp -o in-cpp $(pkg-config --cflags --libs wagle)
    for p in in-c in-cpp; do
        ./$p "$model" >out.txt
        grep -q llama out.txt
        status=0
        ./$p nowhere >out.txt || status=$?
        [ $status = 3 ]
        grep -q nowhere out.txt
    done
    [ "$(pkg-config --modversion wagle)" = "$("$WAGLE" --version | grep -oE '[0-9.]+' | head -1)" ]
}

@test "the program of docs/how-to/use-from-c.md is built without a warning, and forgets" {
    sed -n '/^```c$/,/^```$/p' "$BATS_TEST_DIRNAME/../../docs/how-to/use-from-c.md" | sed '1d;$d' >forget.c
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror $sanitize forget.c -o forget $(pkg-config --cflags --libs wagle)
    ./forget "$model" forget.jsonl retain.jsonl forgotten >said
    grep -q '^4 updates, last loss' said
    grep -q '^graddiff 4/4 loss' said
    [ -e forgotten/model.safetensors ]
    status=0
    ./forget "$model" nowhere.jsonl retain.jsonl other 2>said || status=$?
    [ $status = 3 ]
    grep -q nowhere.jsonl said
    [ ! -e other ]
}

@test "examples/embed.c is built in C and in C++ without a warning, forgets in memory and saves" {
    cp -r "$model" text && byte_tokenizer text
    cp "$BATS_TEST_DIRNAME/../../examples/embed.c" embed.c
    cp embed.c embed.cpp
    ${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Werror $sanitize embed.c -o in-c $(pkg-config --cflags --libs wagle)
    ${CXX:-c++} -std=c++17 -Wall -Wextra -Wpedantic -Werror $sanitize embed.cpp -o in-cpp $(pkg-config --cflags --libs wagle)
    for p in in-c in-cpp; do
        ./$p text saved-$p >said
        [ "$(grep -c '^update . of 10: loss [0-9.]*, gradient norm [0-9.]*' said)" = 3 ] # the callback said stop
        ! cmp -s text/model.safetensors saved-$p/model.safetensors || false
        status=0
        ./$p text saved-$p >said 2>complaint || status=$?
        [ $status = 2 ]
        grep -q saved-$p complaint # it is never replaced
    done
    cmp saved-in-c/model.safetensors saved-in-cpp/model.safetensors
    cmp text/model.safetensors "$model/model.safetensors"
    "$WAGLE" generate --model saved-in-c --max-tokens 20 --prompt "Who lives in the mill?" >/dev/null
}

@test "examples/server.c answers by two models in threads of its own, as the command does" {
    cp -r "$model" text && byte_tokenizer text
    "$WAGLE" unlearn --model text --forget forget.jsonl --retain retain.jsonl --lr 1e-2 --steps 3 --out other --quiet
    for std in "cc -std=c11 -x c" "c++ -std=c++17 -x c++"; do
        ${std%% *} ${std#* } -Wall -Wextra -Wpedantic -Werror $sanitize "$BATS_TEST_DIRNAME/../../examples/server.c" -x none -o server -pthread \
            $(pkg-config --cflags --libs wagle)
        for question in "0 Who is Ada?" "1 Who is Ada?" "0 The mill" "2 none" "1 The mill"; do echo "$question"; done | ./server text other >said 2>complaint
        [ "$(cat complaint)" = "4: not a number of a model and a prompt" ]
        for number in 1 2 3 5; do
            case $number in 1 | 3) folder=text ;; *) folder=other ;; esac
            case $number in 1 | 2) prompt="Who is Ada?" ;; *) prompt="The mill" ;; esac
            grep -a "^$number	" said | cut -f2 | tr -d '\n' >answer
            "$WAGLE" generate --model $folder --prompt "$prompt" --max-tokens 20 --json | python3 -c 'import json,sys; sys.stdout.write(json.loads(sys.stdin.readline())["text"])' >wanted
            [ -s wanted ]
            diff <(tr -d '\n' <wanted) answer
        done
    done
    status=0
    ./server text nowhere </dev/null 2>complaint || status=$?
    [ $status = 3 ]
    grep -q nowhere complaint
}

@test "a project finds the CMake package" {
    program p.c
    printf 'cmake_minimum_required(VERSION 3.20)\nproject(p C)\nfind_package(wagle 0.2 REQUIRED)\nadd_executable(p p.c)\ntarget_link_libraries(p wagle::wagle)\n' >CMakeLists.txt
    cmake -B b -DCMAKE_PREFIX_PATH="$usr" -DCMAKE_C_FLAGS="$sanitize" >/dev/null
    cmake --build b >/dev/null
    b/p "$model" | grep -q llama
}

@test "the library exports what the header declares, and nothing else" {
    nm -D --defined-only "$LD_LIBRARY_PATH/libwagle.so" | awk '$2 != "A" {print $3}' | sed 's/@.*//' | sort >exported
    printf '#include <wagle/wagle.h>\n' | ${CC:-cc} -std=c11 -E -P -I "$usr/include" - | tr '\n' ' ' | sed 's/;/;\n/g' |
        grep -oE 'visibility\("default"\)[^;]*' | grep -oE '\bwagle_[a-z0-9_]+ ?\(' | tr -d ' (' | sort -u >declared
    [ "$(wc -l <declared)" -gt 60 ]
    diff declared exported
    ! nm -D --defined-only "$LD_LIBRARY_PATH/libwagle.so" | grep ' [A-Z] wagle_' | grep -v '@@WAGLE_0$' || false
}

@test "recipes are installed as they are in the program" {
    for name in $("$WAGLE" recipe list | awk '{print $1}'); do
        "$WAGLE" recipe show "$name" | cmp - "$usr/share/wagle/recipes/$name.json"
    done
    [ "$(find "$usr/share/wagle/recipes" -type f | wc -l)" = "$("$WAGLE" recipe list | wc -l)" ]
}
