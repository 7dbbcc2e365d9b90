#!/usr/bin/env bash
# Run `make demo` and `make test` as a newcomer would, on a Debian 13 that has Python, make and nothing else.
# Needs root, debootstrap and the network. Its mounts and processes live in namespaces that end with it.
set -euo pipefail

DEMO_PATIENCE_S=600
CHECKOUT=$(cd "$(dirname "$0")/.." && pwd)
# The network's settings and those of `make`. The rest of this machine's environment stays outside.
PASSED_ON='(https?_proxy|no_proxy|pip_.*|uv_.*|ssl_cert_file|port|sandbox_port|workers|args)'

fail() {
    echo "$*" >&2
    exit 1
}

main() {
    [ "$(id -u)" = 0 ] || fail "Run it as root: it makes a system of its own, and mounts /proc and /dev there."
    command -v debootstrap >/dev/null || fail "debootstrap is missing. On Debian: apt install debootstrap"
    mirror=${MIRROR:-$(debian_mirror)}
    [ "$mirror" ] || fail "apt uses no Debian mirror here. Name one: make test-bare MIRROR=http://..."
    namespace=""
    root=$(mktemp -d /var/tmp/bare-debian.XXXXXX)
    trap finish EXIT
    set -m # or the tests would start with Ctrl-C ignored, as everything in the background does
    unshare --mount --pid --mount-proc --kill-child bash "$0" inside "$root" "$mirror" </dev/null &
    namespace=$!
    wait "$namespace"
}

debian_mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p
}

# The first process of the namespace takes the others and the mounts with it. Only then is the folder deleted.
finish() {
    [ -z "$namespace" ] || pkill -KILL --parent "$namespace" || true
    wait
    rm -rf --one-file-system "$root"
}

inside() {
    root=$1 mirror=$2
    echo "Making a Debian 13 ..."
    said=$(debootstrap --variant=minbase --include=python3,python3-venv,make trixie "$root" "$mirror" 2>&1) ||
        fail "$said"
    chmod 755 "$root"
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    # The network may go through a proxy with a certificate of its own.
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    chroot "$root" useradd --create-home --shell /bin/bash newcomer
    mkdir "$root/home/newcomer/credits"
    # The working copy may be another user's, and root clones no such repository.
    git -c safe.directory='*' -C "$CHECKOUT" archive HEAD | tar -x -C "$root/home/newcomer/credits"
    cp "$0" "$root/home/newcomer/bare.sh"
    chroot "$root" chown -R newcomer: /home/newcomer
    mapfile -t settings < <(env | grep -iE "^$PASSED_ON=")
    chroot --userspec=newcomer:newcomer "$root" env -i HOME=/home/newcomer USER=newcomer \
        PATH=/usr/local/bin:/usr/bin:/bin "${settings[@]}" bash /home/newcomer/bare.sh as_newcomer
}

as_newcomer() {
    cd ~/credits
    demo
    make reset # refuses while the demo's database runs
    make test
}

demo() {
    SECONDS=0
    set -m # a process group of its own, as in a terminal: Ctrl-C reaches make and what it started
    make demo >~/demo.log 2>&1 &
    until grep -q '^Ready: ' ~/demo.log; do
        if ! kill -0 $! 2>/dev/null || [ "$SECONDS" -gt "$DEMO_PATIENCE_S" ]; then
            fail "make demo did not get ready: $(cat ~/demo.log)"
        fi
        sleep 1
    done
    echo "make demo: ready in $SECONDS s."
    kill -INT -- "-$!"
    wait $! || true # make reports that it was interrupted
    cat ~/demo.log
}

case ${1:-main} in
main | inside | as_newcomer) "${1:-main}" "${@:2}" ;;
*) fail "It takes no arguments." ;;
esac
