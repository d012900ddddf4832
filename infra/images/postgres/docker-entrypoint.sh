#!/usr/bin/env bash
# The part of the real image's contract that docker-compose.yml uses: POSTGRES_USER, POSTGRES_PASSWORD_FILE,
# POSTGRES_INITDB_ARGS and PGDATA make the cluster at the first start; then whatever the command says runs.
set -Eeuo pipefail

if [[ ! -s $PGDATA/PG_VERSION ]]; then
  password_file=${POSTGRES_PASSWORD_FILE:?names the file with the superuser\'s password}
  [[ -s $password_file ]] || { echo "$password_file is missing or empty: the superuser would have no password" >&2; exit 1; }
  [[ ${POSTGRES_DB:-postgres} == postgres ]] || { echo 'This stand-in makes no database of POSTGRES_DB' >&2; exit 1; }
  rm -rf "$PGDATA.partial"
  mkdir -p -m 700 "$PGDATA.partial"
  # Unquoted on purpose: the variable holds several arguments.
  initdb -D "$PGDATA.partial" -U "${POSTGRES_USER:-postgres}" --pwfile="$password_file" ${POSTGRES_INITDB_ARGS:-}
  mv "$PGDATA.partial" "$PGDATA"
fi
exec "$@"
