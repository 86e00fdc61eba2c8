"""Reads an event as the CloudEvents SDK for Python understands it.

Standard input: {"headers": {NAME: VALUE}, "body": BASE64} of one broker message. Standard output: its attributes and data.
The SDK has no NATS binding; its binary HTTP mode differs in one thing, the name of the header for `datacontenttype`.
"""

import base64
import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

message = json.load(sys.stdin)
headers = dict(message["headers"])
headers["content-type"] = headers.pop("ce-datacontenttype")
event = from_binary(HTTPMessage(headers, base64.b64decode(message["body"])), JSONFormat(), CloudEvent)
json.dump({"attributes": event.get_attributes(), "data": event.get_data()}, sys.stdout, default=str)
