#!/usr/bin/env bash
# The part of the real image's contract that docker-compose.yml uses: CLICKHOUSE_USER and CLICKHOUSE_PASSWORD_FILE name
# the administrator; HTTP on 8123; data in /var/lib/clickhouse.
set -Eeuo pipefail
password_file=${CLICKHOUSE_PASSWORD_FILE:?names the file with the administrator\'s password}
[[ -s $password_file ]] || { echo "$password_file is missing or empty: the administrator would have no password" >&2; exit 1; }
export CLICKHOUSE_ADMIN_USER=${CLICKHOUSE_USER:-default} CLICKHOUSE_ADMIN_PASSWORD
CLICKHOUSE_ADMIN_PASSWORD=$(<"$password_file")
export HOST=0.0.0.0 PORT=8123 CLICKHOUSE_DATA_PATH=/var/lib/clickhouse
exec node --max-old-space-size=192 /app/infra/native/clickhouse/main.ts
