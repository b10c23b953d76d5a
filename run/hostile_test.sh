#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A hostile caller can neither end the supervisor nor spoil what it tells others:
# a client that runs after it, under the same supervisor, finds all as on Linux.
#
# Usage: hostile_test HELPERS BPFMAP HOSTILE STATIC_CLIENT [SEED]

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
bpfmap=$2 hostile=$3 client=$4 seed=${5:-$(date +%s)}
can_supervise "$bpfmap"

place=$(mktemp -d /tmp/bpfmap_test.XXXXXX)
trap 'rm -rf "$place"' EXIT
cp "$hostile" "$place/hostile"
cp "$client" "$place/client"
chmod 755 "$place" "$place"/*
cat >"$place/both" <<END
#!/bin/sh
"$place/hostile" "\$1" 4000 && "$place/client"
END

echo "seed $seed"
supervise "$bpfmap" "$place/both" "$seed"
