#!/usr/bin/env bash
# Sets up a checkout: system packages that are missing, a virtual environment, locked dependencies.
# With the argument `test` also what only the tests need: clients and tools that others wrote.
# Says what it does. A second run finds everything in place, needs no network and takes no time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
venv=.venv
scope=${1:-run}
stamp=$venv/.towline-setup-$scope
lock=requirements.lock
if [ "$scope" = test ]; then lock=requirements-test.lock; fi

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

# program -> Debian package that brings it
declare -A package_of=(
  [git]=git [podman]=podman [buildah]=buildah [runc]=runc [docker-registry]=docker-registry
  [catatonit]=catatonit [bwrap]=bubblewrap [/bin/busybox]=busybox-static [ip]=iproute2 [setpriv]=util-linux [tar]=tar [/usr/bin/python3]=python3
)

# the tests break the disk under a server by its system calls
if [ "$scope" = test ]; then package_of[strace]=strace; fi

missing_packages() {
  local program
  for program in "${!package_of[@]}"; do
    PATH=$PATH:/usr/sbin:/sbin:/usr/libexec/podman command -v "$program" >/dev/null 2>&1 \
      || echo "${package_of[$program]}"
  done
  # pip and the certificates of the machine go into stand-in base images for offline builds
  [ -e /usr/lib/python3/dist-packages/pip ] || echo python3-pip
  [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
  "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || echo python3-venv
}

install_packages() {
  local packages=("$@") run=()
  local list="${packages[*]}"
  command -v apt-get >/dev/null \
    || die "missing: $list. Install them with your package manager, then run this again."
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null \
      || die "missing system packages. Run: sudo apt-get install -y --no-install-recommends $list"
    run=(sudo -n)
  fi
  local registry_was_there=yes
  command -v docker-registry >/dev/null || registry_was_there=no
  say "installing system packages: $list"
  "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      "${packages[@]}" >"$log" 2>&1 || {
    "${run[@]}" apt-get update -qq >>"$log" 2>&1 || true
    "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends "${packages[@]}" >>"$log" 2>&1 \
      || { tail -n 20 "$log" >&2; die "apt-get could not install: $list"; }
  }
  # The package starts a registry of its own as a service; Towline runs its own, privately.
  if [ "$registry_was_there" = no ] && [ -d /run/systemd/system ]; then
    "${run[@]}" systemctl disable --now docker-registry >/dev/null 2>&1 || true
  fi
}

command -v "$python" >/dev/null || die "$python not found: install Python 3.11 or newer, or set PYTHON."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
  || die "$("$python" --version) is too old: Python 3.11 or newer is needed; set PYTHON."

log=$(mktemp)
trap 'rm -f "$log"' EXIT

mapfile -t packages < <(missing_packages | sort -u)
if [ "${#packages[@]}" -gt 0 ]; then install_packages "${packages[@]}"; fi

want=$(cat "$lock" pyproject.toml tools/setup.sh | sha256sum | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then exit 0; fi

say "creating the virtual environment $venv ($("$python" --version))"
[ -x $venv/bin/python ] || "$python" -m venv $venv
say "installing the locked dependencies ($lock)"
# The lock is complete: nothing beside it is looked for.
$venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
    --only-binary :all: -r "$lock"
say "installing towline"
$venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index \
    --no-build-isolation --editable .
echo "$want" > "$stamp"
say "done"
