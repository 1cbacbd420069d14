# SPDX-License-Identifier: Apache-2.0
"""JSON and small objects all the time; each half CPU second a line: operations per CPU second."""

import json
import time


class Request:
    def __init__(self, number):
        self.number = number
        self.fields = {"user": f"u{number % 97}", "items": [str(item) for item in range(12)]}


def serve(number):
    request = Request(number)
    back = json.loads(json.dumps(request.fields))
    return sum(map(len, back["items"]))


def main():
    number = done = 0
    begun = time.process_time()
    while True:
        for _ in range(500):
            serve(number)
            number += 1
        done += 500
        now = time.process_time()
        if now - begun >= 0.5:
            print(done / (now - begun), flush=True)
            begun, done = now, 0


main()
