#!/usr/bin/env bash
# Asks a service of ours whether it is ready: healthy.sh PORT. Bash alone, because a check runs every few seconds in
# every container, and starting Node for each would cost more than the services do.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET /ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
read -r _ status _ <&3
[[ $status == 200 ]] || { cat <&3; exit 1; }
