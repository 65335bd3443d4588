# make run    build and start with defaults; prints the demo address
# make test   install what the tests need, run all of them, print the time of each part
# make kit    the vendor's unmodified call kits on this server: mini-program engines in Node, the Vue kit in Chromium
# make kit-histories  a thousand random histories of both mini-program engines (about 10 minutes)
# make interop  calls between clients of another WebRTC stack, webrtc-rs (a part of make test)
# make figures  print how long a player in Chromium waits for its first picture, beside a bare handshake
# make weather  calls in Chromium on bad networks: the whole table, three seeds a cell (about an hour and a half), as text, weather.json and the picture weather.svg
# make weather-short  a minute of it, with the bounds of a busy machine (a part of make test)
# make weather-agree  whether the model of Chromium agrees with what `make weather` has measured
# make browser-figures  the browser tests, with the frame rates that an idle machine must reach
# make weather-sim  the same weathers in virtual time with a model of Chromium, 200 seeds a cell (about an hour), as text and weather-sim.json
# make rtmp   a phone (ffmpeg) and browsers in one call: delays and lips, and a page behind a bad network, with the bounds of an idle machine
# make rtmp-tools  ffmpeg, GStreamer, rtmpdump and nginx-rtmp publish and play in all their ways (3 to 7 minutes), as a table
# make rtmp-first  how long players of a page's stream wait for their first picture, alone and 200 a second (about 3 minutes)
# make rtmp-load  one RTMP stream to 400 players, and 200 publishers, beside nginx-rtmp and a loop that only writes: each ratio beside its target
# make audit  licences, bans and sources of the dependencies (cargo deny)
# make fuzz   ten minutes of coverage-guided fuzzing per target (nightly features, not part of the tests)
SHELL := /bin/bash
.DEFAULT_GOAL := help
# A build must need gcc and cargo alone: these names are shadowed by stubs that fail.
SHADOW := $(CURDIR)/.ci/without
BUILD_PATH := $(SHADOW):$(PATH)
CARGO := PATH="$(BUILD_PATH)" cargo
RELEASE := target/release
ifdef CARGO_TARGET_DIR
RELEASE := $(CARGO_TARGET_DIR)/release
endif

.PHONY: help run build test fmt clippy unit interop web gateway browser kit kit-histories bench figures weather weather-short weather-sim weather-agree rtmp rtmp-tools rtmp-first rtmp-load audit fuzz browser-figures browser-deps npm-deps kit-deps stream-deps

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

build:
	$(CARGO) build --release

run: build
	$(RELEASE)/carillon serve

test:
	@.ci/parts fmt clippy unit interop web gateway browser weather-short kit bench

fmt:
	cargo fmt --all --check

clippy:
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

stream-deps:
	.ci/streams

unit: stream-deps
	$(CARGO) test --release --workspace --exclude carillon-interop

interop: build
	CARILLON_BIN="$(abspath $(RELEASE))/carillon" $(CARGO) test --release -p carillon-interop

npm-deps:
	cd web && npm ci --no-audit --no-fund

web: npm-deps
	cd web && npm run check && npm run test:unit && npm run build && npm run check:types

gateway: build npm-deps
	cd web && CARILLON_BIN="$(abspath $(RELEASE))/carillon" npm run test:gateway

browser-deps:
	.ci/browsers

browser: build npm-deps browser-deps stream-deps
	cd web && CARILLON_BIN="$(abspath $(RELEASE))/carillon" npm run test:browser

# The vendor's unmodified engines and kits on our modules.
# Not `npm ci`: it wants every platform's build of the bundler in the lock, which a registry need not have.
kit-deps: npm-deps
	cd web/examples/vue && npm install --no-save --no-audit --no-fund
	cd web/tests/kit/vue4 && npm install --no-save --no-audit --no-fund

kit: build kit-deps browser-deps stream-deps
	cd web && CARILLON_BIN="$(abspath $(RELEASE))/carillon" npm run test:kit

# Three at once, timers 25 times as fast.
kit-histories: export KIT_HISTORIES = 1000
kit-histories: build kit-deps
	cd web && CARILLON_BIN="$(abspath $(RELEASE))/carillon" node --test --test-force-exit tests/kit/histories.test.mjs

browser-figures: export CARILLON_FIGURES = 1
browser-figures: browser

# The packages of `unit`, so that what was built there serves here too.
bench:
	$(CARGO) bench --workspace --exclude carillon-interop --bench forward --bench repair --bench send --bench transcode

figures: build npm-deps browser-deps
	cd web && CARILLON_BIN="$(abspath $(RELEASE))/carillon" node tests/figures/setup.mjs

# CELLS=loss30,loss70 SEEDS=1 SECONDS_EACH=10 for a part of it.
CELLS ?=
SEEDS ?= 3
SECONDS_EACH ?= 30
weather: build npm-deps browser-deps
	command -v espeak-ng >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends espeak-ng; }
	$(CARGO) build --release -p carillon-loadtest
	cd web && CARILLON_BIN="$(abspath $(RELEASE))/carillon" CARILLON_LOADTEST_BIN="$(abspath $(RELEASE))/carillon-loadtest" \
	    node tests/weather/weather.mjs $(if $(CELLS),--cells $(CELLS)) --seeds $(SEEDS) --seconds $(SECONDS_EACH) --json weather.json

weather-short: build npm-deps browser-deps
	$(CARGO) build --release -p carillon-loadtest
	cd web && CARILLON_BIN="$(abspath $(RELEASE))/carillon" CARILLON_LOADTEST_BIN="$(abspath $(RELEASE))/carillon-loadtest" npm run test:weather

# CELLS=loss30,loss70 SEEDS=20 SECONDS_EACH=10 for a part of it.
weather-sim: SEEDS := $(if $(filter command line environment,$(origin SEEDS)),$(SEEDS),200)
weather-sim:
	WEATHER_CELLS=$(CELLS) WEATHER_SEEDS=$(SEEDS) WEATHER_SECONDS=$(SECONDS_EACH) WEATHER_JSON="$(CURDIR)/weather-sim.json" \
	    $(CARGO) test --release -p carillon-sfu --test browsers

weather-agree:
	WEATHER_CELLS=clean,loss30,loss70,jitter500 WEATHER_SECONDS=30 WEATHER_JSON="$(CURDIR)/weather-agree.json" \
	    $(CARGO) test --release -p carillon-sfu --test browsers
	cd web && node tests/weather/agree.mjs weather.json ../weather-agree.json

# PLAYERS=50 PUBLISHERS=20 SECONDS_EACH=10 ROUNDS=3 for other loads.
# Alone on the machine: software encoders and decoders of several pictures at once.
rtmp: build npm-deps browser-deps stream-deps
	$(CARGO) build --release -p carillon-loadtest
	cd web && CARILLON_FIGURES=1 CARILLON_BIN="$(abspath $(RELEASE))/carillon" CARILLON_LOADTEST_BIN="$(abspath $(RELEASE))/carillon-loadtest" npm run test:rtmp

# All of what `unit` runs a few of.
rtmp-tools: export RTMP_TOOLS = all
rtmp-tools: stream-deps
	$(CARGO) test --release -p carillon --test tools -- --nocapture --test-threads 1

rtmp-first: build npm-deps browser-deps stream-deps
	$(CARGO) build --release -p carillon-loadtest
	cd web && CARILLON_FIGURES=1 CARILLON_BIN="$(abspath $(RELEASE))/carillon" CARILLON_LOADTEST_BIN="$(abspath $(RELEASE))/carillon-loadtest" node tests/rtmp/first.mjs

rtmp-load: build
	$(CARGO) build --release -p carillon-loadtest
	CARILLON_BIN="$(abspath $(RELEASE))/carillon" CARILLON_LOADTEST_BIN="$(abspath $(RELEASE))/carillon-loadtest" .ci/rtmp-load

# Its graph has crates that no build on this platform needs. Advisories need GitHub: `cargo deny check advisories`.
audit:
	cargo fetch --locked
	cargo deny --offline check bans licenses sources

fuzz:
	for t in $$(ls proto/fuzz/corpus); do RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir proto/fuzz $$t -- -max_total_time=600 || exit 1; done
