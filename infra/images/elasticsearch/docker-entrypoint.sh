#!/usr/bin/env bash
# The part of the real image's contract that docker-compose.yml uses: ELASTIC_PASSWORD_FILE, which nobody else may read,
# becomes the bootstrap password in the keystore beside the configuration.
set -Eeuo pipefail
cd /usr/share/elasticsearch

if [[ -n ${ELASTIC_PASSWORD_FILE:-} ]]; then
  [[ -s $ELASTIC_PASSWORD_FILE ]] || { echo "ELASTIC_PASSWORD_FILE: $ELASTIC_PASSWORD_FILE is missing or empty" >&2; exit 1; }
  permissions=$(stat -L -c '%a' "$ELASTIC_PASSWORD_FILE")
  [[ $permissions == 400 || $permissions == 600 ]] || {
    echo "ELASTIC_PASSWORD_FILE: $ELASTIC_PASSWORD_FILE has permissions $permissions; they must be 400 or 600" >&2
    exit 1
  }
  if ! [[ -f config/elasticsearch.keystore ]] || ! bin/elasticsearch-keystore list | grep -q '^bootstrap.password$'; then
    # Adding to a keystore that is not there makes it.
    bin/elasticsearch-keystore add --stdin --force bootstrap.password < "$ELASTIC_PASSWORD_FILE"
  fi
fi
exec bin/elasticsearch "$@"
