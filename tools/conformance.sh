#!/usr/bin/env bash
# Holds Drydock against the real thing: builds a control plane of the version that Drydock claims
# (with Go, once; kept in the user's cache folder), has the same conversations with both servers, and
# runs the contract tests of the API against the real one. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { printf 'conformance: error: %s\n' "$*" >&2; exit 1; }

python=$PWD/.venv/bin/python
[ -x "$python" ] || die "no virtual environment: run make setup-test first"
version=$("$python" -c 'from towline.kube.schema.catalog import load_catalog
print(load_catalog().version)') || die "cannot read the version that Drydock claims"
programs=${XDG_CACHE_HOME:-$HOME/.cache}/towline/kubernetes-$version

tools/build_kubernetes.sh "$version" "$programs" \
  etcd kube-apiserver kube-controller-manager kube-scheduler \
  || die "the real control plane was not built: Go (https://go.dev/dl/) has to be on the PATH," \
    "or the four programs in $programs"

# The contract tests that `make test` holds against Drydock, here against the real control plane.
export TOWLINE_API_SERVER=kubernetes TOWLINE_KUBERNETES_PROGRAMS=$programs
exec "$python" -m pytest tests/conformance tests/contract/drydock_api -q --timeout=300 \
  --ignore=tests/conformance/controllers "$@"
