"""Called by the page with the id of a note: finds the longest word, and writes it into the note's row."""

import json
import os
import re
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen


def main(context: Any) -> Any:
    note = context.req.body_json
    rows = f"{os.environ['APPWRITE_FUNCTION_API_ENDPOINT']}/tablesdb/notes/tables/notes/rows"
    address = f"{rows}/{quote(note['id'], safe='')}"
    headers = {
        "content-type": "application/json",
        "x-appwrite-project": os.environ["APPWRITE_FUNCTION_PROJECT_ID"],
        "x-appwrite-key": context.req.headers["x-appwrite-key"],
    }
    with urlopen(Request(address, headers=headers)) as answer:
        words = re.findall(r"\w+", json.load(answer)["text"])
    longest = max(words, key=len, default="")
    body = json.dumps({"data": {"longest": longest}}).encode()
    with urlopen(Request(address, body, headers, method="PATCH")):
        context.log(f"{note['id']}: {longest}")
    return context.res.text(longest)
