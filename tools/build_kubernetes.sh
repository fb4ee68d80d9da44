#!/usr/bin/env bash
# Builds the real API server (and its etcd) from the published Go modules and keeps the programs:
#
#     tools/build_kubernetes.sh v1.36.1 FOLDER [PROGRAM...]
#
# PROGRAM is one of kube-apiserver, etcd (both by default), kube-controller-manager, kube-scheduler,
# e2e.test (the upstream end-to-end tests). What FOLDER already holds is not built again. The modules
# come through the ordinary Go module client, so the checksum database verifies them. Takes 10 to 20
# minutes of one core the first time.
set -euo pipefail

say() { printf 'build_kubernetes: %s\n' "$*"; }
die() { printf 'build_kubernetes: error: %s\n' "$*" >&2; exit 1; }

[ $# -ge 2 ] || die "usage: tools/build_kubernetes.sh VERSION FOLDER [PROGRAM...]"
version=$1
folder=$2
shift 2
programs=("$@")
[ ${#programs[@]} -gt 0 ] || programs=(etcd kube-apiserver)
[[ $version =~ ^v1\.[0-9]+\.[0-9]+$ ]] || die "not a Kubernetes version: $version"

declare -A package_of=(
  [etcd]=go.etcd.io/etcd/server/v3
  [kube-apiserver]=k8s.io/kubernetes/cmd/kube-apiserver
  [kube-controller-manager]=k8s.io/kubernetes/cmd/kube-controller-manager
  [kube-scheduler]=k8s.io/kubernetes/cmd/kube-scheduler
  [e2e.test]=k8s.io/kubernetes/test/e2e
)

missing=()
for program in "${programs[@]}"; do
  [ -n "${package_of[$program]:-}" ] || die "unknown program: $program"
  [ -x "$folder/$program" ] || missing+=("$program")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v go >/dev/null \
  || die "Go is needed to build ${missing[*]} $version and is not on the PATH (https://go.dev/dl/)."

# Every part of Kubernetes is published as a module of its own, v1.X.Y of the whole being v0.X.Y of
# the parts; the go.mod of the whole names them v0.0.0 and has to be told where they are.
module=$folder/module
mkdir -p "$module"
cd "$module"
export GOWORK=off GOFLAGS=-mod=mod CGO_ENABLED=0
say "fetching k8s.io/kubernetes $version"
description=$(go mod download -json "k8s.io/kubernetes@$version") \
  || die "go mod download failed: ${description:-no answer}"
go_mod=$(sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p' <<<"$description")
[ -f "$go_mod" ] || die "the module client did not say where go.mod is"
language=$(sed -n 's/^go \([0-9.]*\)$/\1/p' "$go_mod")
etcd=$(sed -n 's/^\tgo.etcd.io\/etcd\/server\/v3 \(v[0-9.]*\).*/\1/p' "$go_mod")
[ -n "$language" ] && [ -n "$etcd" ] || die "could not read $go_mod"
{
  printf 'module kubernetes-build\n\ngo %s\n\ngodebug default=go%s\n\n' \
    "$language" "$(cut -d. -f1,2 <<<"$language")"
  printf 'require (\n\tk8s.io/kubernetes %s\n\tgo.etcd.io/etcd/server/v3 %s\n)\n\nreplace (\n' \
    "$version" "$etcd"
  sed -n "s/^\t\(k8s.io\/[a-z-]*\) => .\/staging.*/\t\1 => \1 v0.${version#v1.}/p" "$go_mod"
  printf ')\n'
} >go.mod
[ "$(grep -c ' => ' go.mod)" -gt 10 ] || die "found no parts of Kubernetes in $go_mod"

minor=$(cut -d. -f2 <<<"$version")
stamp=k8s.io/component-base/version
for program in "${missing[@]}"; do
  say "building $program (one core, low priority; this is the slow part)"
  started=$SECONDS
  command=(go build)
  [ "$program" != e2e.test ] || command=(go test -c)
  nice -n 19 "${command[@]}" -p 1 -trimpath -o "$folder/$program.part" \
    -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=$minor" \
    "${package_of[$program]}" || die "building $program $version failed (see above)"
  mv "$folder/$program.part" "$folder/$program"
  say "built $program in $((SECONDS - started)) s ($(du -h "$folder/$program" | cut -f1))"
done
