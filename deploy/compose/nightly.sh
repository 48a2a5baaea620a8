#!/bin/sh
# nightly.sh HH:MM COMMAND...: runs a command now, and then every day at that time (UTC). Where a server does not answer (exit
# code 5), says to wait (8), another run is at work (11) or the command was killed, it is tried again after ten minutes, four
# times at the most. Any other exit code is said, and waits for the next day. What stops this stops the command, and waits for it.
hour=$(( 1${1%:*} - 100 ))
minute=$(( 1${1#*:} - 100 ))
shift
job=
stop() {
  trap '' TERM INT
  [ -z "$job" ] || kill -TERM "$job" 2>/dev/null
  wait
  exit 0
}
trap stop TERM INT

# In the background, so that a signal is heard at once.
run() {
  "$@" &
  job=$!
  wait "$job"
}

while :; do
  for try in 1 2 3 4 5; do
    run "$@"
    code=$?
    [ "$code" -eq 0 ] || echo "nightly: the command ended with exit code $code" >&2
    case $code in
    5 | 8 | 11 | 137) [ "$try" -eq 5 ] || run sleep "${NIGHTLY_RETRY:-600}" ;;
    *) break ;;
    esac
  done
  now=$(date -u +%s)
  run sleep $(( 86400 - (now - hour * 3600 - minute * 60) % 86400 ))
done
