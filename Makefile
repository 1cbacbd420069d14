# SPDX-License-Identifier: Apache-2.0
# Thin calls to scripts/; each script says what it does in its first lines.

.PHONY: build demo test test-all verdicts bench fuzz soak format clean

build:
	scripts/build

demo:
	scripts/demo

test:
	scripts/test

test-all:
	scripts/test_all

verdicts:
	scripts/verdicts

bench:
	scripts/bench

fuzz:
	scripts/fuzz

soak:
	scripts/soak

format:
	scripts/format

clean:
	scripts/clean
