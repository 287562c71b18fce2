.DEFAULT_GOAL = build
# A front to CMake: each target installs what it needs by itself.
.PHONY: demo build test check clean
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
clean:
	rm -rf build
