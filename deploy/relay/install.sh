#!/bin/sh
# Sets up a machine that has the relay's executable and Debian's or Ubuntu's packages `caddy` and
# `ufw`: user, folders, the operator's token, settings, unit, Caddyfile, firewall. Run as root from a checkout:
#   deploy/relay/install.sh relay.example.com
# May be repeated: token and settings that are there stay. DESTDIR=DIR writes the files below DIR and stops there.
set -eu

domain=${1:?usage: install.sh HOST-NAME, such as relay.example.com}
case $domain in
  *[!A-Za-z0-9.-]*) echo "install.sh: $domain is no host name" >&2; exit 2 ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
root=${DESTDIR:-}

install -d -m 0755 "$root/etc/clasp" "$root/etc/systemd/system" "$root/etc/caddy"
if [ ! -s "$root/etc/clasp/admin.token" ]; then
  (umask 077; openssl rand -hex 32 > "$root/etc/clasp/admin.token")
fi
chmod 600 "$root/etc/clasp/admin.token"
if [ ! -e "$root/etc/clasp/relay.toml" ]; then
  sed -e "s|^#cors-origin = .*|cors-origin = \"https://$domain\"|" \
    -e "s|^#max-sessions = .*|max-sessions = 500|" \
    "$here/systemd/relay.toml" > "$root/etc/clasp/relay.toml"
fi
install -m 0644 "$here/systemd/clasp-relay.service" "$root/etc/systemd/system/clasp-relay.service"
sed "s/relay\\.example\\.com/$domain/" "$here/Caddyfile" > "$root/etc/caddy/Caddyfile"
[ -z "$root" ] || exit 0

getent passwd clasp > /dev/null ||
  useradd --system --user-group --home-dir /var/lib/clasp --shell /usr/sbin/nologin clasp
systemctl daemon-reload
systemctl enable clasp-relay
systemctl restart clasp-relay
caddy validate --config /etc/caddy/Caddyfile
systemctl reload-or-restart caddy
"$here/ufw.sh"
