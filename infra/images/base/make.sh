#!/usr/bin/env bash
# Debian's minimal system with the few programs that the stand-ins share: make.sh FOLDER, as root.
set -euo pipefail
tree=$1
debootstrap --variant=minbase --include=ca-certificates,curl,wget,redis-server,postgresql-client trixie "$tree"
# The package of Redis takes the next free numbers, which are those of other images' users.
chroot "$tree" groupmod --gid 998 redis
chroot "$tree" usermod --uid 998 redis
# What this machine trusts, since its registries may be reached through a certificate of its own.
certificates=/etc/ssl/certs/ca-certificates.crt
if [[ -f $certificates ]]; then cp "$certificates" "$tree$certificates"; fi
rm -rf "$tree"/var/cache/apt "$tree"/var/lib/apt/lists
