# Each target does its own set-up: what is missing is installed first (apt, then a virtual environment).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# Most tests wait for processes rather than compute: a few beside one another take a third of the time.
JOBS ?= 3
PYTEST := $(PY) -m pytest -n $(JOBS) $(if $(PROFILE),--hypothesis-profile=$(PROFILE))
# command : Debian package
TOOLS := gobgpd:gobgpd ip:iproute2 ping:iputils-ping iperf3:iperf3 kubectl:kubernetes-client curl:curl gcc:gcc make:make \
  networkctl:systemd udevadm:udev faketime:faketime dbus-daemon:dbus ethtool:ethtool \
  dnsmasq:dnsmasq-base dhclient:isc-dhcp-client

.PHONY: root demo test quick pure check book lab contract conformance bench clean setup tools

demo: root setup ## two nodes, their pods, real packets; processes killed under traffic
	$(VENV)/bin/vppd lab demo $(if $(VPP),--vpp $(VPP))

test: root setup ## the whole test suite, JOBS tests at a time; PROFILE=thorough: 1,000 examples to a property, new in every run
	$(PYTEST)

quick: check pure ## under a minute: check, and the tests that start no process

pure: setup
	$(PYTEST) -q tests/unit tests/layout

check: setup ## style, types, import contracts
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

book: setup ## what the pages draw from the code: schemas/README.md, docs/guard.md, ARCHITECTURE.md
	$(PY) -m tools.book

lab: root setup ## a two-node cluster on this machine, to play with (vppd lab --help)
	$(VENV)/bin/vppd lab up $(if $(VPP),--vpp $(VPP))

bench: root setup ## how long services and policies take, and the bus; VPP=/path/to/vpp measures real VPP
	$(VENV)/bin/vppd bench services $(if $(VPP),--vpp $(VPP))
	$(VENV)/bin/vppd bench policy $(if $(VPP),--vpp $(VPP))
	$(VENV)/bin/vppd bench bus
	$(VENV)/bin/vppd bench writer $(if $(VPP),--vpp $(VPP)) $(if $(VPP),,--routes 5000 --soak 10000)

contract: root setup ## the contract suite; VPP=/path/to/vpp runs it on real VPP
	VPP="$(VPP)" $(PYTEST) tests/contract

conformance: root setup ## the lab's suites: traffic, services, policies, deaths; VPP=/path/to/vpp runs them on real VPP
	VPP="$(VPP)" $(PY) -m pytest tests/lab

clean: ## takes away what the other targets made here
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

root: # what needs root says so before anything is installed; likewise for the Python that all needs
	@[ $$(id -u) = 0 ] || { echo "make $(MAKECMDGOALS) needs root: it makes network namespaces"; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "make $(MAKECMDGOALS) needs Python 3.11 or later as python3; there is $$(python3 --version 2>&1)"; exit 1; }

setup: tools $(STAMP)

tools:
	@missing=(); for pair in $(TOOLS); do \
	  command -v $${pair%%:*} >/dev/null || missing+=($${pair##*:}); done; \
	python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv); \
	ls /usr/lib/*/libc.a >/dev/null 2>&1 || missing+=(libc6-dev); \
	if [ $${#missing[@]} -gt 0 ]; then \
	  echo "installing $${missing[*]}"; \
	  sudo=$$([ $$(id -u) = 0 ] || echo sudo); \
	  $$sudo apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $${missing[@]} >/dev/null; \
	  if [[ " $${missing[*]} " == *" gobgpd "* ]]; then $$sudo systemctl disable --now gobgpd 2>/dev/null || true; fi; \
	fi

$(STAMP): setup.cfg pyproject.toml
	python3 -m venv $(VENV)
	$(PY) -m pip install -q --disable-pip-version-check -e '.[lab,dev]'
	touch $@
