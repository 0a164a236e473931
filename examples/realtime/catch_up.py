"""Read what happened from the event log over plain HTTP: for jobs that run now and then."""

import json
import os
from urllib.parse import urlencode
from urllib.request import Request, urlopen

ENDPOINT = os.environ.get("TIDEWIRE_ENDPOINT", "http://localhost:8090/v1")
PROJECT = os.environ.get("TIDEWIRE_PROJECT", "default")
KEY = os.environ.get("TIDEWIRE_KEY", "")


def main() -> None:
    """Print all uploads that the log still holds, page after page."""
    since = 0
    while True:
        parameters = urlencode({"channels[]": "files", "since": since, "limit": 100})
        headers = {"X-Appwrite-Project": PROJECT} | ({"X-Appwrite-Key": KEY} if KEY else {})
        with urlopen(Request(f"{ENDPOINT}/realtime/events?{parameters}", headers=headers)) as response:
            page = json.load(response)
        if not page["recovered"]:
            print("some of it is no longer in the log")
        for event in page["events"]:
            print(event["offset"], event["events"][0], event["payload"]["name"])
        if page["offset"] == since:
            return
        since = page["offset"]


main()
