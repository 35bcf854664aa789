#!/bin/sh
# Lets in SSH and the proxy, and keeps the relay's own ports for this machine: a second line of
# defence, for the relay should listen on 127.0.0.1 there anyway. Run as root; may be repeated.
set -eu

ufw default deny incoming
ufw default allow outgoing
for port in 22/tcp 80/tcp 443/tcp 443/udp; do
  ufw allow "$port"
done
for port in 7330/tcp 7350/tcp 7360/tcp 9090/tcp; do
  ufw deny "$port"
done
ufw --force enable
