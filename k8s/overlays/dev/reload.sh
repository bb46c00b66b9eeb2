#!/bin/sh
# Runs a service and starts it again when it ends: Tilt changes the code below /code and ends it by /tmp/service.pid.
set -eu
[ -d /code/visage ] || cp -r /opt/visage/services/visage /code/
child=
trap 'trap - TERM; [ -z "$child" ] || kill -TERM "$child" || true; wait "$child" || true; exit 0' TERM
while :; do
  python -m "$1" &
  child=$!
  echo "$child" > /tmp/service.pid
  wait "$child" || true
  # A service that cannot start is not started in a tight loop.
  sleep 1
done
