#!/usr/bin/env bash
# Kafka Connect in distributed mode: connect-distributed.sh worker.properties, with Kafka's own KAFKA_ variables.
set -Eeuo pipefail
# Unquoted on purpose: each variable holds several arguments.
exec java ${KAFKA_HEAP_OPTS:-} ${KAFKA_JVM_PERFORMANCE_OPTS:-} ${KAFKA_LOG4J_OPTS:-} -cp '/kafka/libs/*' \
  org.apache.kafka.connect.cli.ConnectDistributed "$@"
