#!/usr/bin/env bash
# Holds Drydock against the real thing: builds kube-apiserver and etcd of the version that Drydock
# claims (with Go, once; kept in the user's cache folder), then has the same conversations with both.
# Arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { printf 'conformance: error: %s\n' "$*" >&2; exit 1; }

python=$PWD/.venv/bin/python
[ -x "$python" ] || die "no virtual environment: run make setup-test first"
version=$("$python" -c 'from towline.kube.schema.catalog import load_catalog
print(load_catalog().version)') || die "cannot read the version that Drydock claims"
programs=${XDG_CACHE_HOME:-$HOME/.cache}/towline/kubernetes-$version

if ! [ -x "$programs/kube-apiserver" ] || ! [ -x "$programs/etcd" ]; then
  command -v go >/dev/null \
    || die "Go is needed to build kube-apiserver $version: install it (https://go.dev/dl/) and" \
      "put it on the PATH, or place kube-apiserver and etcd in $programs"
  tools/build_kubernetes.sh "$version" "$programs" || die "kube-apiserver $version was not built"
fi

TOWLINE_KUBERNETES_PROGRAMS=$programs exec "$python" -m pytest tests/conformance -q \
  -o pythonpath=tests/conformance "$@"
