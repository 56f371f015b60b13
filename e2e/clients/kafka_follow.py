"""kafka-python: follows a channel by the feed in Kafka. Arguments: BROKER CHANNEL URL."""
import json
import os
import sys
import threading
import urllib.request

from kafka import KafkaConsumer, TopicPartition

broker, channel, base = sys.argv[1:]
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
feed = KafkaConsumer(bootstrap_servers=broker)
feed.assign([TopicPartition("parley.feed", p) for p in feed.partitions_for_topic("parley.feed")])
feed.seek_to_end()
last = 0


def show(entries):
    global last
    for entry in entries:
        if entry["id"] == last + 1:  # an older one is a repeat; a newer one comes by read()
            last = entry["id"]
            print(json.dumps(entry), flush=True)


def read(head=None):
    while head is None or last < head:
        with urllib.request.urlopen(f"{base}/api/messages?channel_id={channel}&after={last}") as answer:
            entries = json.load(answer)
        if not entries:
            return
        show(entries)


for partition in feed.assignment():
    feed.position(partition)  # now it will see all that comes
read()
print("ready", flush=True)
for record in feed:
    if record.key == channel.encode() and record.value:
        news = json.loads(record.value)
        show(news["messages"])
        read(news["last_id"])  # what the feed did not bring
