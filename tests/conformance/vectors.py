"""Makes the signatures that the tests of `shared/sources` hold, with the providers' own libraries. Run by hand, offline.

    pip install retell-sdk==6.2.13 elevenlabs==2.78.0 pyjwt==2.15.1 standardwebhooks==1.1.0
    python tests/conformance/vectors.py

Prints one line per vector: where it is used, then its value. Cal.com publishes no library; its line is plain HMAC, as its
source makes it. The ElevenLabs library only verifies: the line is printed once it has accepted what plain HMAC made.
"""

import hashlib
import hmac
import time
from datetime import datetime
from unittest.mock import patch

import jwt
from elevenlabs.webhooks_custom import WebhooksClient
from retell.lib.webhook_auth import symmetric
from standardwebhooks.webhooks import Webhook


def hexmac(key: str, message: str) -> str:
    return hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest()


def retell(key: str, milliseconds: int, body: str) -> str:
    header = f"v={milliseconds},d={hexmac(key, body + str(milliseconds))}"
    assert symmetric["sign"](body, key, milliseconds) == header
    assert symmetric["verify"](body, key, header, {"timestamp": milliseconds + 60_000})
    return header


def elevenlabs(key: str, seconds: int, body: str) -> str:
    header = f"t={seconds},v0={hexmac(key, f'{seconds}.{body}')}"
    with patch.object(time, "time", return_value=seconds + 60):
        WebhooksClient.construct_event(None, body, header, key)
    return header


def whatsapp(key: str, seconds: int) -> str:
    claims = {"iat": seconds, "exp": seconds + 600, "app": "evolution", "action": "webhook"}
    return jwt.encode(claims, key, algorithm="HS256")


def webhook(secret: str, event: str, seconds: int, body: str) -> str:
    # The library takes a time without a zone for UTC.
    return Webhook(secret).sign(event, datetime.utcfromtimestamp(seconds), body)


FAILURE = (
    '{"type":"call_initiation_failure","event_timestamp":1795000000,"data":{"agent_id":"agent_a1",'
    '"conversation_id":"conv_b2","failure_reason":"busy"}}'
)
CREATED = '{"triggerEvent":"BOOKING_CREATED","createdAt":"2026-11-20T10:00:00.000Z","payload":{"uid":"bk_uid_1"}}'
LEAD = '{"type":"lead.created","data":{"name":"Zoë 😀"}}'

for place, vector in [
    ("retell/signature.rs, not ASCII", retell("key_ключ", 1795000000456, LEAD)),
    ("elevenlabs/signature.rs", elevenlabs("wsec_test_secret", 1795000005, FAILURE)),
    ("elevenlabs/signature.rs, not ASCII", elevenlabs("wsec_ключ", 1795000005, LEAD)),
    ("whatsapp/credential.rs", whatsapp("whatsapp-demo-secret-of-32-bytes", 1795000000)),
    ("calcom/signature.rs", hexmac("cal-test-secret", CREATED)),
    (
        "webhook/signature.rs",
        webhook(
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1649367553,
            '{"email":"test@example.com","username":"test_user"}',
        ),
    ),
    (
        "webhook/signature.rs, not ASCII",
        webhook("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==", "msg_01JD8Z0K6T", 1795000000, LEAD),
    ),
]:
    print(f"{place}: {vector}")
