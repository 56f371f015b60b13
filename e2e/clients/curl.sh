#!/usr/bin/env bash
# curl as an event stream's client: it parses what curl prints and comes back with
# Last-Event-ID. Arguments: URL CHANNEL. Ends when stdin does.
set -u
base=$1 channel=$2 last= said= event= id= data= curl=
exec 4<&0
trap 'kill "$curl" 2>/dev/null; exit 0' TERM
(cat <&4 >/dev/null; kill -TERM $$) &

while :; do
  exec 3< <(exec curl -sN -H 'Accept: text/event-stream' -H "Last-Event-ID: $last" "$base/api/stream/$channel" 4<&-)
  curl=$!
  while IFS= read -r line <&3; do
    case $line in
      'event: '*) event=${line#event: } ;;
      'id: '*) id=${line#id: } ;;
      'data: '*) data=${line#data: } ;;
      '') # the end of an event: only now does it count, and its id too
        last=${id:-$last}
        if [ "$event" = welcome ] && [ -z "$said" ]; then said=1; echo ready; fi
        if [ "$event" = message ]; then printf '%s\n' "$data"; fi
        event= id= data= ;;
    esac
  done
  event= id= data=
  sleep 0.2 & wait $!
done
