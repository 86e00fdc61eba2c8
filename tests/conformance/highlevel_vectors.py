"""Makes shared/sources/src/highlevel/vectors.json: HighLevel signatures by pyca/cryptography, which shares no code with ours.

Run by hand: pip install cryptography==48.0.0; python3 tests/conformance/highlevel_vectors.py > shared/sources/src/highlevel/vectors.json
"""
import base64, hashlib, json
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives import serialization as s
seed = hashlib.sha256(b"offhook test vector, no secret").digest()
key = Ed25519PrivateKey.from_private_bytes(seed)
pub = key.public_key()
bodies = {
 "contact": '{"type":"ContactUpdate","timestamp":"2026-11-20T10:00:00.000Z","webhookId":"8a5b6f0e-55c1-4a57-9d1c-0d7f0e3b2c11","locationId":"locA1b2C3d4","id":"ctcZ9y8X7","name":"Noor Haddad","email":"noor@example.com","phone":"+15005550006"}',
 "spaced, not ASCII": '{ "type": "ContactCreate", "timestamp": "2026-11-20T10:00:00.000Z", "locationId": "locA1b2C3d4",\n  "data": { "id": "ctcZ9y8X7", "firstName": "Jos\u00e9", "lastName": "Nu\u00f1ez \U0001f600" } }',
 "no JSON": 'not json at all',
}
out = {
 "made_with": "pyca/cryptography 48.0.0, Ed25519PrivateKey.sign; see tests/conformance/highlevel_vectors.py",
 "private_key_hex": seed.hex(),
 "public_key_hex": pub.public_bytes(s.Encoding.Raw, s.PublicFormat.Raw).hex(),
 "public_key_base64": base64.b64encode(pub.public_bytes(s.Encoding.Raw, s.PublicFormat.Raw)).decode(),
 "public_key_pem": pub.public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo).decode(),
 "deliveries": [{"name": n, "body": b, "signature": base64.b64encode(key.sign(b.encode())).decode()} for n, b in bodies.items()],
}
print(json.dumps(out, indent=2))
