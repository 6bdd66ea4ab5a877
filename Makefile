# The doors of the project. Each sets up what it needs: `make run` and `make test` work on a fresh machine.

CARGO ?= cargo
PYTHON ?= python3
NEXTEST_VERSION := 0.9.143
CARGO_FUZZ_VERSION := 0.13.2
CARGO_DENY_VERSION := 0.20.2
CARGO_MACHETE_VERSION := 0.9.2
# The sets of packages in conformance/requirements.
SDK_SETS := base baidu jdcloud jdcloud-older alibaba tencent pillow schemathesis seaweedfs postgres patroni
# Runs a command beside PostgreSQL servers of its own: the newest version, and the oldest that is supported, as Debian has it, without and with
# TLS. The newest is built without TLS.
WITH_POSTGRES = $(PYTHON) tools/with_postgres.py conformance/.packages/postgres,conformance/.packages/postgres-15,conformance/.packages/postgres-15+tls
HAPROXY = conformance/.packages/haproxy/haproxy.deb conformance/.packages/seaweedfs.installed
PATRONI = conformance/.packages/patroni.installed conformance/.packages/etcd/etcd.deb $(POSTGRES)
POSTGRES = conformance/.packages/postgres.installed conformance/.packages/postgres-15/postgresql.deb
DEBUG = $(or $(CARGO_TARGET_DIR),target)/debug

.PHONY: help tools setup build console console-test screenshots run engine nextest test alerts image-tools image deploy-lint soak conformance pictures torture torture-short cluster cluster-test cluster-test-short cargo-fuzz fuzz lint-tools lint openapi settings-table fmt demo bench bench-10m bench-statistics bench-dialects bench-import clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

tools:
	@command -v cc >/dev/null || (apt-get update && apt-get install -y --no-install-recommends build-essential)
	@# For the vector code of libjpeg-turbo on x86-64.
	@command -v nasm >/dev/null || (apt-get update && apt-get install -y --no-install-recommends nasm)
	@# For the network of the nodes in the tests.
	@command -v ip >/dev/null || (apt-get update && apt-get install -y --no-install-recommends iproute2)
	@# For the certificate of a server in the tests.
	@command -v openssl >/dev/null || (apt-get update && apt-get install -y --no-install-recommends openssl)
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || (apt-get update && apt-get install -y --no-install-recommends python3-pip)

setup: tools ## Fetch models, runtime library and sample pictures, verified
	@$(PYTHON) tools/fetch.py

build: tools console ## Build target/release/aicp
	$(CARGO) build --release --locked

# The program embeds what is built here.
console: console/dist/index.html ## Build the web console

CONSOLE_SOURCES := $(shell find console/src console/public -type f -not -name schema.d.ts) $(wildcard console/*.json console/*.ts console/index.html)

console/dist/index.html: console/node_modules/installed docs/openapi.json Cargo.lock tools/licences.py $(CONSOLE_SOURCES)
	npm run build --prefix console --silent
	$(PYTHON) tools/licences.py
	touch $@

%/node_modules/installed: %/package.json %/package-lock.json
	npm ci --prefix $* --ignore-scripts --silent
	touch $@

CHROMIUM := /usr/bin/chromium

$(CHROMIUM):
	apt-get update && apt-get install -y --no-install-recommends chromium fonts-wqy-microhei

console-test: setup console $(CHROMIUM) ## Drive the console in Chromium; screenshots are in console/out
	$(CARGO) build --workspace --bins --tests --locked
	npm test --prefix console --silent

screenshots: setup console $(CHROMIUM) ## Make the pictures of the README
	$(CARGO) build --workspace --bins --tests --locked
	node console/tests/screenshots.mjs

run: setup build ## Serve on 127.0.0.1:9012
	target/release/aicp serve

engine: setup build ## Simulate a vendor's engine on 127.0.0.1:39081 (see docs/engines.md)
	target/release/aicp-engine-simulator --speak koala --data-dir data-engine

nextest:
	@$(CARGO) nextest --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-nextest --version $(NEXTEST_VERSION)

test: setup console nextest $(POSTGRES) conformance/.packages/seaweedfs.installed ## Run every test
	$(WITH_POSTGRES) $(PYTHON) tools/s3.py $(CARGO) nextest run --workspace --locked --no-fail-fast
	@# The whole workspace, as above: a part of it would be compiled anew, with fewer features of its dependencies.
	AICP_TESTS_ON=postgres $(WITH_POSTGRES) $(CARGO) nextest run --profile postgres --workspace --locked --no-fail-fast
	@$(MAKE) --no-print-directory console-test
	@$(MAKE) --no-print-directory alerts
	@$(MAKE) --no-print-directory conformance
	@$(MAKE) --no-print-directory torture-short
	@$(MAKE) --no-print-directory cluster-test-short

PROMTOOL := conformance/.packages/prometheus/usr/bin/promtool

# Unpacked, not installed: the package would start a server.
$(PROMTOOL):
	mkdir -p conformance/.packages/prometheus
	cd conformance/.packages/prometheus && { $(DOWNLOAD) || { apt-get update -qq && $(DOWNLOAD); } } && dpkg -x prometheus_*.deb .

DOWNLOAD := apt-get -qq -o APT::Sandbox::User=root download prometheus

conformance/.packages/postgres-15/postgresql.deb:
	rm -rf $(@D) && mkdir -p $(@D)
	cd $(@D) && { $(DOWNLOAD_POSTGRES) || { apt-get update -qq && $(DOWNLOAD_POSTGRES); } }
	cd $(@D) && for package in *_*.deb; do dpkg -x $$package . && rm $$package || exit 1; done
	touch $@

# Unpacked, not installed: an installation would start a service.
DOWNLOAD_POSTGRES := apt-get -qq -o APT::Sandbox::User=root download postgresql-15 postgresql-client-15 libpq5

conformance/.packages/haproxy/haproxy.deb:
	rm -rf $(@D) && mkdir -p $(@D)
	cd $(@D) && { $(DOWNLOAD_HAPROXY) || { apt-get update -qq && $(DOWNLOAD_HAPROXY); } }
	cd $(@D) && for package in *_*.deb; do dpkg -x $$package . && rm $$package || exit 1; done
	touch $@

conformance/.packages/etcd/etcd.deb:
	rm -rf $(@D) && mkdir -p $(@D)
	cd $(@D) && { $(DOWNLOAD_ETCD) || { apt-get update -qq && $(DOWNLOAD_ETCD); } } && dpkg -x etcd-server_*.deb .
	touch $@

DOWNLOAD_ETCD := apt-get -qq -o APT::Sandbox::User=root download etcd-server
DOWNLOAD_HAPROXY := apt-get -qq -o APT::Sandbox::User=root download haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1

alerts: setup $(PROMTOOL) ## Check that each alert fires for its fault, in the rules and on a live server; needs root
	$(PROMTOOL) check rules deploy/prometheus/alerts.yml
	$(PROMTOOL) test rules deploy/prometheus/alerts.test.yml
	@# As the tests are built, so that after them nothing is left to build.
	$(CARGO) build --workspace --bins --tests --locked
	$(PYTHON) deploy/prometheus/live.py $(DEBUG)/aicp $(DEBUG)/aicp-engine-simulator $(dir $(PROMTOOL))prometheus

conformance: setup $(POSTGRES) $(HAPROXY) $(SDK_SETS:%=conformance/.packages/%.installed) conformance/node_modules/installed pictures ## Drive a server with the vendors' official SDKs, compare decoded pictures
	$(PYTHON) conformance/run.py $(DEBUG)/aicp
	$(WITH_POSTGRES) $(PYTHON) conformance/run.py $(DEBUG)/aicp
	@# Three nodes with pictures in S3, each call to the next one.
	AICP_TEST_NODES=3 $(WITH_POSTGRES) $(PYTHON) conformance/run.py $(DEBUG)/aicp
	PYTHONPATH=conformance/.packages/schemathesis:conformance/.packages/base $(PYTHON) conformance/api.py $(DEBUG)/aicp
	PYTHONPATH=conformance/.packages/base $(PYTHON) conformance/examples.py $(DEBUG)/aicp
	$(PYTHON) conformance/backup_s3.py $(DEBUG)/aicp

pictures: setup conformance/.packages/pillow-source.installed ## Compare decoded pictures with Pillow's
	@# As the tests are built, so that after them nothing is left to build.
	$(CARGO) build --workspace --bins --tests --locked
	PYTHONPATH=conformance/.packages/pillow $(PYTHON) conformance/pictures.py $(DEBUG)/aicp-bench

# The test pictures of Pillow, beside what reads them.
conformance/.packages/pillow-source.installed: conformance/requirements/pillow-source.txt conformance/.packages/pillow.installed
	PYTHONPATH=$(CURDIR)/conformance/.packages/base:$(CURDIR)/conformance/.packages/pillow \
		$(PYTHON) -m pip download --quiet --quiet --disable-pip-version-check --no-deps --no-binary pillow \
		--no-build-isolation --require-hashes --requirement $< --dest conformance/.packages/pillow
	touch $@

# What pip puts into a folder needs no venv, which a bare Debian lacks. A set is what can be imported together. What is
# published as source alone is built with the setuptools of the base set.
conformance/.packages/%.installed: conformance/requirements/%.txt | tools
	rm -rf conformance/.packages/$*
	@# Quiet twice: errors alone, no advice to root and none about pip.
	PYTHONPATH=$(CURDIR)/conformance/.packages/base $(PYTHON) -m pip install --quiet --quiet --disable-pip-version-check \
		--no-compile --no-deps --only-binary :all: --no-build-isolation --use-pep517 --require-hashes --requirement $< \
		--target conformance/.packages/$*
	touch $@

$(filter-out %/base.installed,$(SDK_SETS:%=conformance/.packages/%.installed)) conformance/.packages/deploy.installed: conformance/.packages/base.installed

TORTURE := PYTHONPATH=conformance/.packages/pillow $(PYTHON) security/torture.py

torture: setup build conformance/.packages/pillow.installed ## Attack, kill and starve servers, damage their files; an hour, needs root
	$(TORTURE) $(or $(CARGO_TARGET_DIR),target)/release/aicp

torture-short: setup conformance/.packages/pillow.installed ## The same for three minutes, with the tests' own binary
	$(CARGO) build --workspace --bins --tests --locked
	$(TORTURE) $(DEBUG)/aicp --short

cluster: setup build $(PATRONI) $(HAPROXY) ## Start three nodes, a proxy, PostgreSQL with two standbys and an S3 server on loopback
	$(PYTHON) tools/cluster.py $(or $(CARGO_TARGET_DIR),target)/release/aicp

cluster-test: setup build $(PATRONI) $(HAPROXY) ## Kill, stop and cut off a cluster for 15 minutes, and check what its clients were told; needs root
	$(PYTHON) tools/cluster_test.py $(or $(CARGO_TARGET_DIR),target)/release/aicp 900

cluster-test-short: setup $(PATRONI) $(HAPROXY) ## The same for a minute, with the tests' own binaries; needs root
	$(CARGO) build --workspace --bins --tests --locked
	$(PYTHON) tools/history_test.py
	$(PYTHON) tools/cluster_test.py $(DEBUG)/aicp 60

# Images are kept apart from those of other tools. vfs and chroot need nothing of the kernel but root.
IMAGES := $(abspath $(or $(CARGO_TARGET_DIR),target))/image
BUILDAH := buildah --storage-driver vfs --root $(IMAGES)/storage --runroot $(IMAGES)/run

image-tools: tools
	@command -v buildah >/dev/null && command -v mmdebstrap >/dev/null || \
		(apt-get update && apt-get install -y --no-install-recommends buildah mmdebstrap)

$(IMAGES)/bases: deploy/docker/bases.sh | image-tools
	deploy/docker/bases.sh $(BUILDAH)
	touch $@

image: setup console $(IMAGES)/bases ## Build the container image aicp from Debian packages, without a registry of images; needs root
	$(BUILDAH) build --isolation chroot --format docker --file deploy/docker/Dockerfile --tag localhost/aicp \
		--build-arg BUILDER=localhost/aicp-base-builder --build-arg RUNTIME=localhost/aicp-base-runtime \
		--build-arg COMMIT=$(shell git rev-parse --short=12 HEAD) .
	$(PYTHON) deploy/docker/try.py $(BUILDAH)

cargo-fuzz:
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz --version $(CARGO_FUZZ_VERSION)

fuzz: tools cargo-fuzz ## Feed the parsers random input, each for FUZZ_SECONDS (60) seconds
	fuzz/run.sh $(FUZZ_TARGETS)

# Built to compile fast: a run takes seconds anyway, and the release profile of cargo-deny asks for fat LTO in one unit.
LINT_TOOLS_PROFILE := CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1

lint-tools:
	@$(CARGO) deny --version >/dev/null 2>&1 || \
		$(LINT_TOOLS_PROFILE) $(CARGO) install --locked cargo-deny --version $(CARGO_DENY_VERSION)
	@$(CARGO) machete --version >/dev/null 2>&1 || \
		$(LINT_TOOLS_PROFILE) $(CARGO) install --locked cargo-machete --version $(CARGO_MACHETE_VERSION)

deploy-lint: conformance/.packages/deploy.installed
	conformance/.packages/deploy/bin/hadolint deploy/docker/Dockerfile
	PYTHONPATH=conformance/.packages/deploy:conformance/.packages/base $(PYTHON) -m check_jsonschema --quiet \
		--builtin-schema vendor.compose-spec deploy/compose/compose.yml deploy/compose/cluster.yml
	@# The oldest version that the files are for, and the newest that the tool knows.
	PYTHONPATH=conformance/.packages/deploy $(PYTHON) -m kubernetes_validate --quiet --strict \
		--kubernetes-version 1.30 --kubernetes-version 1.37 deploy/kubernetes/single.yaml deploy/kubernetes/cluster.yaml

lint: tools lint-tools deploy-lint console ## Check format, lints, the architecture, and licences and use of the dependencies
	$(PYTHON) tools/architecture.py
	$(CARGO) deny --locked check bans licenses sources
	@# With the manifests of the dependencies: md-5 is `md5` in code.
	$(CARGO) machete --with-metadata
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --quiet
	@# Outside tests nothing may panic on purpose. aicp-store-tests is a library of tests.
	$(CARGO) clippy --workspace --exclude aicp-store-tests --lib --bins --locked -- -D warnings \
		-D clippy::unwrap_used -D clippy::expect_used -D clippy::panic -D clippy::unreachable

openapi: ## Write the contract of the REST API into docs/openapi.json
	$(CARGO) run --quiet --locked -p aicp-api --example openapi > docs/openapi.json

settings-table: ## Write the table of settings into docs/settings.md
	$(CARGO) build --locked --workspace --bins
	$(DEBUG)/aicp config default --markdown | \
		sed -i -e '/^<!-- `aicp config default/,/^<!-- end -->/{/^|/d}' -e '/^<!-- `aicp config default/r /dev/stdin' docs/settings.md

fmt: ## Format the code
	$(CARGO) fmt --all

demo: setup build ## Enrol the sample people, recognise the other pictures, mark the faces
	$(PYTHON) demo/demo.py

# What AICP is compared with lives in folders of bench/ alone, as for conformance.
bench/.packages/installed: bench/compare/requirements-build.txt bench/compare/requirements.txt | tools
	rm -rf bench/.packages
	$(PYTHON) -m pip install --quiet --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
		--requirement bench/compare/requirements-build.txt --target bench/.packages/build
	PYTHONPATH=$(CURDIR)/bench/.packages/build $(PYTHON) -m pip install --quiet --quiet --disable-pip-version-check \
		--no-compile --no-deps --no-build-isolation --use-pep517 --require-hashes \
		--requirement bench/compare/requirements.txt --target bench/.packages/all
	touch $@

bench/compare/node_modules/installed: bench/compare/package.json bench/compare/package-lock.json
	npm ci --prefix bench/compare --ignore-scripts --silent
	touch $@

AICP := $(or $(CARGO_TARGET_DIR),target)/release/aicp
AICP_BENCH := $(or $(CARGO_TARGET_DIR),target)/release/aicp-bench
COMPARE := PYTHONPATH=$(CURDIR)/bench/.packages/all $(PYTHON) bench/compare

bench: setup bench/.packages/installed bench/compare/node_modules/installed ## Measure everything, side by side with others; tables and plots (25 minutes)
	$(CARGO) build --release --locked -p aicp-server -p aicp-bench
	@mkdir -p bench/scratch
	$(AICP_BENCH) photo bench/scratch/photo.jpg
	$(AICP) bench vision --picture bench/scratch/photo.jpg --json >bench/results/vision-1280x720.json
	$(AICP_BENCH) photo bench/scratch/photo-12mp.jpg --width 4000 --height 3000
	$(AICP) bench vision --picture bench/scratch/photo-12mp.jpg --iterations 20 --json >bench/results/vision-4000x3000.json
	$(AICP) bench vision --picture samples/people/obama/obama.jpg --json >bench/results/vision-910x1137.json
	for people in 1000 10000 100000; do \
		$(AICP) bench gallery --people $$people --probes 2000 --json >bench/results/gallery-$$people.json || exit 1; \
	done
	$(AICP) bench gallery --people 1000000 --probes 10000 --libraries 10000 --json >bench/results/gallery-1000000.json
	$(AICP) bench service --people 1000000 --clients 1,2,8,64 --json >bench/results/service.json
	$(COMPARE)/vision.py --aicp $(AICP) --out bench/results/compare-vision.json
	$(COMPARE)/gallery.py --aicp $(AICP) --out bench/results/compare-gallery.json
	$(PYTHON) bench/report.py bench/results

bench-10m: setup ## Measure a library of 10,000,000 people (3 GB of memory, 2 minutes)
	$(CARGO) build --release --locked -p aicp-server
	$(AICP) bench gallery --people 10000000 --probes 200 --json >bench/results/gallery-10000000.json
	$(PYTHON) bench/report.py bench/results

bench-statistics: build ## Measure statistics over 50 million logged calls
	$(CARGO) run --release --locked -p aicp-bench -- statistics

bench-dialects: setup build ## Measure the clouds' calls at 1,000 to 1,000,000 rows
	$(CARGO) run --release --locked -p aicp-bench -- dialects

bench-import: setup build ## Import 10,000 pictures, compare with the workers' capacity, and kill an import
	$(CARGO) run --release --locked -p aicp-bench -- import

soak: setup build ## Load a server for SOAK_MINUTES (20); tell whether memory and files stay flat, log per call, cost of metrics
	$(CARGO) build --release --locked -p aicp-bench
	$(PYTHON) bench/soak.py --aicp $(AICP) --aicp-bench $(AICP_BENCH) --minutes $(or $(SOAK_MINUTES),20)

clean: ## Remove what was built; fetched files stay
	$(CARGO) clean
