"""Python websockets: reads a channel and comes back with after=. Arguments: URL CHANNEL."""
import json
import os
import sys
import threading
import time

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

base, channel = sys.argv[1:]
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
after, ready = "", False

while True:
    try:
        with connect(f"{base.replace('http', 'ws')}/ws/chat/{channel}?after={after}") as ws:
            for frame in ws:
                m = json.loads(frame)
                if m["type"] == "welcome":
                    after = m["cursor"]
                    if not ready:
                        print("ready", flush=True)
                    ready = True
                if m["type"] == "message":
                    after = m["id"]
                    print(frame, flush=True)
    except (ConnectionClosed, WebSocketException, OSError, EOFError):
        pass
    time.sleep(0.2)
