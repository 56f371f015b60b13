"""Python httpx-sse: reads a channel and comes back with Last-Event-ID. Arguments: URL CHANNEL."""
import os
import sys
import threading
import time

import httpx
from httpx_sse import connect_sse

base, channel = sys.argv[1:]
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
last, ready = "", False

with httpx.Client(timeout=None, trust_env=False) as client:
    while True:
        try:
            headers = {"Last-Event-ID": last} if last else {}
            with connect_sse(client, "GET", f"{base}/api/stream/{channel}", headers=headers) as stream:
                for event in stream.iter_sse():
                    last = event.id or last
                    if event.event == "welcome" and not ready:
                        print("ready", flush=True)
                        ready = True
                    if event.event == "message":
                        print(event.data, flush=True)
        except httpx.TransportError:
            pass
        time.sleep(0.2)
