#!/usr/bin/env bash
# Runs controllers that others wrote against Drydock and against a real control plane: checks of
# our own written with client-go and controller-runtime, Flux's kustomize-controller, and Argo CD.
# Builds them from their Go modules once (kept in the user's cache folder). Arguments go to pytest.
#
# Flux's source-controller is not among them: the tests play its part.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

KUSTOMIZE_CONTROLLER=v1.9.5
SOURCE_CONTROLLER=v1.9.6 # only its resource definitions
ARGO_CD=v3.1.16          # the newest whose modules are all published

say() { printf 'controllers: %s\n' "$*"; }
die() { printf 'controllers: error: %s\n' "$*" >&2; exit 1; }

tests=$PWD/tests/conformance
python=$PWD/.venv/bin/python
[ -x "$python" ] || die "no virtual environment: run make setup first"
command -v go >/dev/null || die "Go is needed (https://go.dev/dl/)"
command -v redis-server >/dev/null || say "redis-server is not installed: Argo CD is left out"
version=$("$python" -c 'from towline.kube.schema.catalog import load_catalog
print(load_catalog().version)') || die "cannot read the version that Drydock claims"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/towline
programs=$cache/controllers
mkdir -p "$programs/crds/flux" "$programs/crds/argo" "$programs/argo-config"
export GOWORK=off GOFLAGS=-mod=mod CGO_ENABLED=0

# Prints the folder of a module's unpacked files.
fetch() {
  local description folder
  description=$(go mod download -json "$1@$2") || die "cannot fetch $1 $2: $description"
  folder=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' <<<"$description")
  [ -d "$folder" ] || die "the module client did not say where $1 $2 is"
  printf '%s\n' "$folder"
}

# Builds a package of a module in a copy of it: what the module replaces holds only there.
build() { # NAME FOLDER PACKAGE; stdin holds commands that prepare the copy
  local name=$1 folder=$2 package=$3 copy started=$SECONDS
  [ -x "$programs/$name" ] && return
  say "building $name (one core, low priority)"
  copy=$(mktemp -d "$programs/source.XXXXXX")
  cp -r "$folder/." "$copy" && chmod -R u+w "$copy"
  (
    cd "$copy"
    bash -euo pipefail -s
    nice -n 15 go build -p 1 -trimpath -ldflags '-s -w' -o "$programs/$name.part" "$package"
  ) || die "building $name failed (see above)"
  mv "$programs/$name.part" "$programs/$name"
  rm -rf "$copy"
  say "built $name in $((SECONDS - started)) s"
}

tools/build_kubernetes.sh "$version" "$cache/kubernetes-$version" \
  etcd kube-apiserver kube-controller-manager || die "the real control plane was not built"

kustomize=$(fetch github.com/fluxcd/kustomize-controller "$KUSTOMIZE_CONTROLLER")
source=$(fetch github.com/fluxcd/source-controller "$SOURCE_CONTROLLER")
argo=$(fetch github.com/argoproj/argo-cd/v3 "$ARGO_CD")
install -m 644 "$kustomize"/config/crd/bases/*.yaml "$source"/config/crd/bases/*.yaml \
  "$programs/crds/flux"
install -m 644 "$argo"/manifests/crds/*-crd.yaml "$programs/crds/argo"
install -m 644 "$argo"/manifests/base/config/argocd-*.yaml "$programs/argo-config"

build kustomize-controller "$kustomize" . <<'PREPARE'
go mod edit -dropreplace=github.com/fluxcd/kustomize-controller/api
PREPARE
build argocd "$argo" ./cmd <<'PREPARE'
mkdir -p ui/dist/app && : >ui/dist/app/index.html # the pages are no part of the module
PREPARE
(cd "$tests/controllers/clientgo" && GOFLAGS='' \
  nice -n 15 go test -trimpath -c -o "$programs/clientgo.test" .) || die "the checks were not built"

export TOWLINE_CONTROLLER_PROGRAMS=$programs
export TOWLINE_KUBERNETES_PROGRAMS=$cache/kubernetes-$version
exec "$python" -m pytest tests/conformance/controllers -q \
  -o pythonpath="$tests $tests/controllers" "$@"
