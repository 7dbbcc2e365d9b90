#!/usr/bin/env bash
# Build the PgBouncer of Debian 13 (1.24) into .local/pgbouncer, for a Debian whose own is older than 1.21 and so loses
# prepared statements in transaction mode. Needs a compiler, pkg-config, libssl-dev, libevent-dev and the network.
set -euo pipefail

VERSION=1.24.1
SHA256=da72a3aba13072876d055a3e58dd4aba4a5de4ed6148e73033185245598fd3e0
TARGET=$(cd "$(dirname "$0")/../.." && pwd)/.local/pgbouncer

installed=$(PATH=$PATH:/usr/sbin pgbouncer --version 2>/dev/null | sed -n 's/^PgBouncer //p')
if [ -x "$TARGET/bin/pgbouncer" ] || printf '1.21\n%s\n' "${installed:-0}" | sort --version-sort --check=quiet; then
    exit
fi
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p)}
if [ -z "$mirror" ]; then
    echo "apt uses no Debian mirror here. Name one: MIRROR=http://... $0" >&2
    exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
curl --fail --silent --show-error --location --remote-name \
    "${mirror%/}/pool/main/p/pgbouncer/pgbouncer_$VERSION.orig.tar.gz"
echo "$SHA256  pgbouncer_$VERSION.orig.tar.gz" | sha256sum --check --quiet
tar -xzf "pgbouncer_$VERSION.orig.tar.gz" --strip-components=1
if ! { ./configure --quiet --prefix="$TARGET" --without-cares && make --silent --jobs="$(nproc)" pgbouncer; } >build.log 2>&1; then
    tail -30 build.log >&2
    exit 1
fi
install -D pgbouncer "$TARGET/bin/pgbouncer"
echo "Built PgBouncer $VERSION."
