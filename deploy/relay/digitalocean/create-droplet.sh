#!/bin/sh
# Makes a droplet that builds and runs the relay behind Caddy. Needs doctl, signed in.
#   create-droplet.sh relay.example.com https://github.com/your-org/clasp.git SSH-KEY-ID
# SIZE, REGION and NAME may be set in the environment.
set -eu

usage="usage: create-droplet.sh HOST-NAME REPOSITORY SSH-KEY-ID"
domain=${1:?$usage}
repository=${2:?$usage}
key=${3:?$usage}
case $domain$repository in
  *[!A-Za-z0-9.:/_@-]*) echo "create-droplet.sh: odd characters in $domain or $repository" >&2
    exit 2 ;;
esac
here=$(cd "$(dirname "$0")" && pwd)

data=$(mktemp)
trap 'rm -f "$data"' EXIT
sed -e "s|@DOMAIN@|$domain|" -e "s|@REPOSITORY@|$repository|" "$here/../cloud-init.yaml" > "$data"
doctl compute droplet create "${NAME:-clasp-relay}" \
  --image ubuntu-24-04-x64 \
  --size "${SIZE:-s-1vcpu-1gb}" \
  --region "${REGION:-nyc1}" \
  --ssh-keys "$key" \
  --user-data-file "$data" \
  --wait \
  --format Name,PublicIPv4
echo "Point an A record of $domain at that address. The build takes about half an hour;"
echo "ssh root@$domain cloud-init status --wait tells when it is done."
