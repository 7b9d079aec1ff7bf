# shellcheck disable=SC2329 # not every script calls each of these functions
# It makes a kind cluster of its own, and removes it at the end (KEEP=1 leaves it). Wanted are Docker, kind and kubectl.
# KIND_IMAGE is the node image to take (default: that of the kind release), as in KIND_IMAGE=kindest/node:v1.36.4.
# Exit code: 0 the deviation was seen, 1 it was not, 2 it could not be tried.
set -euo pipefail

name="daemonset-finding-$$-$RANDOM"
work=$(mktemp -d)
export KUBECONFIG="$work/kubeconfig"
made='' verdict=''

# Removes what was made, however the script ends; without a verdict the exit code is 2.
clean_up() {
    local code=$? job
    trap '' HUP INT PIPE TERM
    for job in $(jobs -p); do
        kill "$job" 2>/dev/null || true
    done
    if [[ -n $made && -z ${KEEP:-} ]]; then
        kind delete cluster --name "$name" || true
    elif [[ -n $made ]]; then
        printf 'kept: kind export kubeconfig --name %s; kind delete cluster --name %s\n' "$name" "$name"
    fi
    rm -rf "$work"
    [[ -n $verdict ]] || code=2
    exit "$code"
}
trap clean_up EXIT
trap 'exit 2' HUP INT PIPE TERM

# say WORDS: what is done, with the seconds since the script began.
say() {
    printf '%4d s  %s\n' "$SECONDS" "$*"
}

# cannot WORDS: what is wanted first did not come about.
cannot() {
    printf 'could not be tried: %s\n' "$*" >&2
    exit 2
}

# cluster: makes the cluster that kind's configuration on standard input describes.
cluster() {
    cat >"$work/kind.yaml"
    for program in kind kubectl docker; do
        command -v "$program" >/dev/null || cannot "$program is not installed"
    done
    made=yes
    kind create cluster --name "$name" --config "$work/kind.yaml" --kubeconfig "$KUBECONFIG" ${KIND_IMAGE:+--image "$KIND_IMAGE"} ||
        cannot 'kind made no cluster'
    say "Kubernetes $(kubectl version -o json | sed -n '/serverVersion/,$ s/.*"gitVersion": "\(.*\)".*/\1/p')"
}

# come SECONDS ARGUMENTS: waits until what `kubectl wait ARGUMENTS` waits for comes, which is no question here.
come() {
    kubectl wait --timeout="${1}s" "${@:2}" >/dev/null || cannot "kubectl wait ${*:2}"
}

# never SECONDS ARGUMENTS: whether what `kubectl wait ARGUMENTS` waits for does not come in all that time.
never() {
    local said
    ! said=$(kubectl wait --timeout="${1}s" "${@:2}" 2>&1) || return 1
    [[ $said == *'timed out'* ]] || cannot "kubectl wait ${*:2}: $said"
}

# seen WORDS, not_seen WORDS: the verdict, against what the documentation says.
seen() {
    printf '\nexpected  %s\nseen      %s\nThe deviation was seen.\n' "$expected" "$*"
    verdict=seen
    exit 0
}

not_seen() {
    printf '\nexpected  %s\nseen      %s\nThe deviation was not seen.\n' "$expected" "$*"
    verdict='not seen'
    exit 1
}
