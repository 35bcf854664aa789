#!/bin/sh
# Runs a command as on a machine of its own: a network without the outside, and folders of the system
# that take writes without keeping them. sandbox.sh FOLDER COMMAND...; needs root.
set -eu
if [ "${SANDBOXED:-}" != yes ]; then
  exec env SANDBOXED=yes unshare --net --mount --propagation private "$0" "$@"
fi
layers=$1
shift
mount -t tmpfs layers "$layers"
for place in etc var usr/local root; do
  mkdir -p "$layers/$place/upper" "$layers/$place/work"
  mount -t overlay overlay \
    -o "lowerdir=/$place,upperdir=$layers/$place/upper,workdir=$layers/$place/work" "/$place"
done
rm -rf /etc/clasp /var/lib/clasp
ip link set lo up
# The machine's public address, and those of two clients.
for address in 192.0.2.1 198.51.100.7 198.51.100.8; do
  ip address add "$address/32" dev lo
done
names="relay.yourdomain.com auth.yourdomain.com relay.example.com"
printf '127.0.0.1 localhost\n192.0.2.1 %s\n' "$names" > /etc/hosts
exec "$@"
