.DEFAULT_GOAL = build
# A front to CMake: each target installs what it needs by itself.
.PHONY: demo build test check bench clean
demo: build
	@build/release/wagle demo --out demo --force
build:
	@tools/setup
	@cmake --preset release >/dev/null
	@cmake --build --preset release
test: build
	@ctest --preset release
check:
	@tools/setup --dev
	@tools/check
bench: build # PyTorch and transformers come from PyPI into bench-results/venv
	@bench/run
clean:
	rm -rf build
