#!/usr/bin/env bash
# Runs the end-to-end tests of Kubernetes itself against Drydock with simulated nodes:
#
#     tools/upstream_tests.sh [LIST]
#
# LIST names one test a line (# begins a comment); by default the tests that are known to pass. The
# test program is built with Go once (about ten minutes of one core) and kept in the user's cache
# folder. Ends with the number of tests that passed; fails when one did not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { printf 'upstream_tests: error: %s\n' "$*" >&2; exit 1; }

list=${1:-tests/conformance/upstream_tests.txt}
[ -r "$list" ] || die "there is no list of tests at $list"
python=$PWD/.venv/bin/python
kubectl=$PWD/.venv/bin/kubectl
[ -x "$python" ] || die "no virtual environment: run make setup-test first"
[ -x "$kubectl" ] || die "kubectl is not installed beside the interpreter"
version=$("$python" -c 'from towline.kube.schema.catalog import load_catalog
print(load_catalog().version)') || die "cannot read the version that Drydock claims"
programs=${XDG_CACHE_HOME:-$HOME/.cache}/towline/kubernetes-$version
tools/build_kubernetes.sh "$version" "$programs" e2e.test || die "e2e.test $version was not built"

# The names are text, the option wants a regular expression.
focus=$(sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' -e 's/[][().*+?^${}|\\]/\\&/g' "$list" |
  paste -sd'|')
[ -n "$focus" ] || die "$list names no test"

folder=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
  rm -rf "$folder"
}
trap finish EXIT
# Tests of broken roll-outs name two images that are in no registry.
"$python" -m towline.drydock.server --data "$folder/data" --kubeconfig "$folder/kubeconfig" \
  --node simulated --nodes 2 --sync normal --log-level WARNING \
  --missing-image webserver:404 --missing-image foo:non-existent \
  >"$folder/url" 2>"$folder/log" &
server=$!
for _ in $(seq 100); do
  [ ! -s "$folder/url" ] || break
  kill -0 "$server" 2>/dev/null || die "Drydock did not start: $(tail -5 "$folder/log")"
  sleep 0.2
done

PATH=$(dirname "$kubectl"):$PATH "$programs/e2e.test" --kubeconfig="$folder/kubeconfig" \
  --provider=skeleton --kubectl-path="$kubectl" --allowed-not-ready-nodes=-1 \
  --node-schedulable-timeout=5s --system-pods-startup-timeout=5s --disable-log-dump \
  --dump-logs-on-failure=false --ginkgo.no-color --ginkgo.timeout=60m --ginkgo.focus="$focus"
