.DEFAULT_GOAL = build
# A front to CMake: each target installs what it needs by itself.
.PHONY: demo build test check bench docs dist clean
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
docs: # the site of docs/ in build/site; mkdocs-material comes from PyPI into build/docs-venv
	@tools/setup
	@test -x build/docs-venv/bin/mkdocs || python3 -m venv build/docs-venv
	@build/docs-venv/bin/pip install -q --disable-pip-version-check 'mkdocs-material==9.*'
	@NO_MKDOCS_2_WARNING=1 build/docs-venv/bin/mkdocs build -q --strict -f tools/mkdocs.yml
	@echo build/site/index.html
dist: # packages of the last commit in build/dist, built twice, compared and tried (docs/releasing.md)
	@tools/setup --dist
	@packaging/dist
clean:
	rm -rf build
