"""An independent check of CQ1's test vectors: a whole gate, written from docs/cq1.md alone.

It shares no line with the gate of this repository, and none of its libraries: CBOR is cbor2's, ECDSA is the
cryptography package's, Base45 is base45's. A vendor may start from it: Gate.check(code, now) decides one code.

    python -m pip install -r tests/vectors/requirements.txt
    python tests/vectors/check.py               # the vectors in cq1, next to this file
    python tests/vectors/check.py FOLDER        # or others

Every step of every vector is decided. The exit status is 1 if any decision or reason is not the published one.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import base45
import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

PREFIX = "CQ1:"
MAX_TEXT = 600
MAX_BYTES = 300
SKEW = 30
MAX_WINDOW = 120
SAME_CODE = 3  # seconds in which the very same code is no replay
MEMORY = MAX_WINDOW + 2 * SKEW + 10  # seconds for which a passage is remembered
CHALLENGE_GRACE = 30  # seconds for which a challenge counts after the next one is shown
MAX_FAIL_OPEN_HOURS = 24
MAX_LIST = 1 << 24  # bytes of a status list, unpacked
MAX_LIST_LIFE = 7 * 86400  # seconds for which a status list is current at most

MAX_UINT = (1 << 64) - 1
MAX_TIME = (1 << 36) - 1
MAX_AUDIENCE = (1 << 53) - 1
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256

PRESENTATION = b"onecity/cq1/presentation"
CREDENTIAL = b"onecity/cq1/credential"
STATUS_LIST = b""  # a status list is plain COSE: nothing external is signed
STATUS_LIST_TYPE = "application/statuslist+cwt"

# COSE header parameters, COSE_Key parameters and CWT claims.
ALG, KID, TYP, KCWT, ES256 = 1, 4, 16, 13, -7
KTY, CRV, X, Y, EC2, P256 = 1, -1, -2, -3, 2, 1
SUB, EXP, IAT, CTI, CNF, CQ1, TTL, LIST = 2, 4, 6, 7, 8, -65537, 65534, 65533


class Refusal(Exception):
    """A code is not accepted; `reason` is the name that the specification gives to it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def require(holds: bool, reason: str) -> None:
    if not holds:
        raise Refusal(reason)


# --- CBOR: cbor2 is lenient, so every item is written again and compared ----------------------------------------------


def no_tag(*_: object) -> NoReturn:
    raise ValueError("a tag")


# cbor2 turns what it finds in well-known tags into Python objects: a tagged byte string becomes an integer, and a
# shared value loses its tag. Nothing in CQ1 is tagged, so that every tag is an error; the hook is for all others.
NO_TAGS: dict[int, Callable[..., Any]] = dict.fromkeys(range(1 << 16), no_tag)


def read_item(data: bytes) -> tuple[Any, int]:
    """The first CBOR item in `data`, and its length."""
    source = io.BytesIO(data)
    decoder = cbor2.CBORDecoder(
        source, tag_hook=no_tag, semantic_decoders=NO_TAGS, allow_duplicate_keys=False, read_size=1
    )
    try:
        return decoder.decode(), source.tell()
    except cbor2.CBORDecodeError as error:
        # The library has no other name for it.
        raise Refusal("not_deterministic" if "Duplicate map key" in str(error) else "structure") from None


def require_deterministic(value: Any, data: bytes) -> None:
    """cbor2 sorts keys by length first, which for all keys of CQ1 is the bytewise order too."""
    require(cbor2.dumps(value, canonical=True) == data, "not_deterministic")


def inner(data: bytes, read: Callable[[Any], Any]) -> Any:
    """What `read` makes of the one item in a byte string."""
    item, length = read_item(data)
    result = read(item)
    require(length == len(data), "trailing_bytes")
    require_deterministic(item, data)
    return result


def array(value: Any, count: int) -> list[Any]:
    require(type(value) is list and len(value) == count, "structure")
    return value


def mapping(value: Any, *keys: int) -> list[Any]:
    """The values of a map that has just these keys."""
    require(type(value) is dict, "structure")
    require(all(type(key) is int and key in keys for key in value), "unknown_field")
    require(len(value) == len(keys), "structure")
    return [value[key] for key in keys]


def octets(value: Any, length: int | None = None) -> bytes:
    require(type(value) is bytes and length in (None, len(value)), "structure")
    return value


def uint(value: Any, least: int = 0, most: int = MAX_UINT) -> int:
    require(type(value) is int, "structure")
    require(least <= value <= most, "out_of_range")
    return value


def exactly(value: Any, wanted: int) -> None:
    """An algorithm, a key's type or its curve."""
    require(type(value) is int and value == wanted, "algorithm")


# --- COSE ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sign1:
    protected: bytes
    payload: bytes
    signature: bytes

    def signed_by(self, key: ec.EllipticCurvePublicKey, external_aad: bytes) -> bool:
        message = cbor2.dumps(["Signature1", self.protected, external_aad, self.payload])
        r, s = int.from_bytes(self.signature[:32], "big"), int.from_bytes(self.signature[32:], "big")
        try:
            key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


def read_sign1(value: Any, low_s: bool = True) -> Sign1:
    protected, unprotected, payload, signature = array(value, 4)
    message = Sign1(octets(protected), octets(payload), octets(signature))
    mapping(unprotected)
    require(len(message.signature) == 64, "signature_form")
    require(not low_s or int.from_bytes(message.signature[32:], "big") <= ORDER // 2, "signature_form")
    return message


def thumbprint(x: bytes, y: bytes) -> bytes:
    """RFC 9679: the hash of the key's required members. y is its 32 bytes, never the bit of a compressed point."""
    return hashlib.sha256(cbor2.dumps({KTY: EC2, CRV: P256, X: x, Y: y}, canonical=True)).digest()


# --- The two messages ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Credential:
    message: Sign1
    kid: bytes
    expires: int
    issued: int
    cti: bytes
    holder_x: bytes
    holder_y_is_odd: bool
    type: int
    scopes: tuple[int, ...]
    fare_class: int
    list_number: int
    list_index: int
    window: int

    def holder(self) -> ec.EllipticCurvePublicKey:
        point = (b"\x03" if self.holder_y_is_odd else b"\x02") + self.holder_x
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        except ValueError:
            raise Refusal("holder_key") from None


@dataclass(frozen=True)
class Presentation:
    message: Sign1
    credential: Credential
    issued: int
    gate: int
    challenge: int
    purpose: int

    def code(self) -> bytes:
        return self.message.signature[:8]


def read_credential(value: Any) -> Credential:
    message = read_sign1(value)

    def header(item: Any) -> bytes:
        alg, kid = mapping(item, ALG, KID)
        exactly(alg, ES256)
        return octets(kid, 4)

    def claims(item: Any) -> dict[str, Any]:
        exp, iat, cti, cnf, own = mapping(item, EXP, IAT, CTI, CNF, CQ1)
        (key,) = mapping(cnf, 1)
        kty, crv, x, y_is_odd = mapping(key, KTY, CRV, X, Y)
        exactly(kty, EC2)
        exactly(crv, P256)
        require(type(y_is_odd) is bool, "structure")
        pass_type, scopes, fare_class, status, window = mapping(own, 1, 2, 3, 4, 5)
        require(type(scopes) is list, "structure")
        require(1 <= len(scopes) <= 16, "out_of_range")
        number, index = array(status, 2)
        return {
            "expires": uint(exp, most=MAX_TIME),
            "issued": uint(iat, most=MAX_TIME),
            "cti": octets(cti, 8),
            "holder_x": octets(x, 32),
            "holder_y_is_odd": y_is_odd,
            "type": uint(pass_type),
            "scopes": tuple(uint(scope) for scope in scopes),
            "fare_class": uint(fare_class),
            "list_number": uint(number),
            "list_index": uint(index),
            "window": uint(window, 5, MAX_WINDOW),
        }

    return Credential(message=message, kid=inner(message.protected, header), **inner(message.payload, claims))


def read_presentation(data: bytes) -> Presentation:
    item, length = read_item(data)
    message = read_sign1(item)
    require(length == len(data), "trailing_bytes")
    require_deterministic(item, data)

    def header(value: Any) -> Credential:
        alg, credential = mapping(value, ALG, KCWT)
        exactly(alg, ES256)
        return read_credential(credential)

    def payload(value: Any) -> tuple[int, int, int]:
        iat, aud, purpose = array(value, 3)
        audience = uint(aud, most=MAX_AUDIENCE)
        require(audience == 0 or audience & 0xFFFFFFFF != 0, "out_of_range")
        return uint(iat, most=MAX_TIME), audience, uint(purpose)

    credential = inner(message.protected, header)
    issued, audience, purpose = inner(message.payload, payload)
    return Presentation(message, credential, issued, audience & 0xFFFFFFFF, audience >> 32, purpose)


def read_base45(text: str) -> bytes:
    """base45 lets a line feed at the end pass, and others more than that; only what comes out again is Base45."""
    try:
        data = base45.b45decode(text)
    except ValueError:
        raise Refusal("base45") from None
    require(base45.b45encode(data).decode("ascii") == text, "base45")
    return data


def read_code(text: str) -> Presentation:
    require(len(text.encode("utf-8", "surrogatepass")) <= MAX_TEXT, "too_long")
    require(text.startswith(PREFIX), "prefix")
    data = read_base45(text[len(PREFIX) :])
    require(len(data) <= MAX_BYTES, "too_large")
    return read_presentation(data)


# --- What a gate has -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IssuerKey:
    public: ec.EllipticCurvePublicKey
    thumbprint: bytes
    issuer: str
    types: frozenset[int]
    scopes: frozenset[int]
    not_before: int
    not_after: int

    @classmethod
    def of(cls, entry: dict[str, Any]) -> IssuerKey:
        x, y = bytes.fromhex(entry["x"]), bytes.fromhex(entry["y"])
        if (len(x), len(y)) != (32, 32):
            raise ValueError("an issuer's key has two coordinates of 32 bytes")
        numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
        types, scopes = frozenset(entry["types"]), frozenset(entry["scopes"])
        times = entry["not_before"], entry["not_after"]
        return cls(numbers.public_key(), thumbprint(x, y), entry["issuer"], types, scopes, *times)

    def in_time(self, second: int) -> bool:
        return self.not_before <= second < self.not_after

    def may_sign(self, credential: Credential) -> bool:
        return (
            credential.type in self.types
            and self.scopes.issuperset(credential.scopes)
            and self.in_time(credential.issued)
        )


class TrustList:
    def __init__(self, document: dict[str, Any]) -> None:
        self.status_base: str = document["status_base"]
        self.keys: dict[bytes, list[IssuerKey]] = defaultdict(list)
        for key in map(IssuerKey.of, document["keys"]):
            self.keys[key.thumbprint[:4]].append(key)

    def find(self, kid: bytes) -> list[IssuerKey]:
        return self.keys.get(kid, [])


@dataclass(frozen=True)
class StatusList:
    issuer: str
    number: int
    issued: int
    expires: int
    bits: int
    statuses: bytes

    def status(self, index: int) -> int | None:
        """The status with the lowest index is in the lowest bits of the first byte. None is beyond the end."""
        byte, place = divmod(index * self.bits, 8)
        if byte >= len(self.statuses):
            return None
        return self.statuses[byte] >> place & (1 << self.bits) - 1


def unpack(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    statuses = unpacker.decompress(packed, MAX_LIST)
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("a status list is too large, cut short, or followed by something")
    return statuses


def read_status_list(data: bytes, trust: TrustList, now: int) -> StatusList:
    """A status list that a key of the trust list signed. Anything else is a ValueError: the gate keeps what it has."""
    data = data.removeprefix(b"\xd2")  # with COSE's tag or without it
    try:
        item, length = read_item(data)
        message = read_sign1(item, low_s=False)
        header, header_length = read_item(message.protected)
        claims, claims_length = read_item(message.payload)
        alg, kid, typ = mapping(header, ALG, KID, TYP)
        exactly(alg, ES256)
        require(length == len(data), "trailing_bytes")
        require(header_length == len(message.protected) and claims_length == len(message.payload), "trailing_bytes")
        require(typ == STATUS_LIST_TYPE and type(claims) is dict, "structure")
        require(type(claims.get(LIST)) is dict and type(claims.get(SUB)) is str, "structure")
        issued = uint(claims.get(IAT), most=MAX_TIME)
        require(EXP in claims or TTL in claims, "structure")
        expires = min(uint(claims[EXP] if EXP in claims else issued + uint(claims[TTL])), issued + MAX_LIST_LIFE)
        bits, packed = uint(claims[LIST].get("bits")), octets(claims[LIST].get("lst"))
    except Refusal as refusal:
        raise ValueError(f"a status list: {refusal.reason}") from None
    signers = [key for key in trust.find(kid) if message.signed_by(key.public, STATUS_LIST) and key.in_time(issued)]
    if not signers:
        raise ValueError("a status list that no key of the trust list signed in its time")
    if issued > now + SKEW:
        raise ValueError("a status list from the future")
    base, _, number = claims[SUB].rpartition("/")
    if base != trust.status_base or number != str(int(number)):
        raise ValueError("a status list with another address")
    if bits not in (1, 2, 4, 8):
        raise ValueError("a status list whose statuses have no size")
    try:
        statuses = unpack(packed)
    except zlib.error as error:
        raise ValueError(f"a status list: {error}") from None
    return StatusList(signers[0].issuer, int(number), issued, expires, bits, statuses)


@dataclass(frozen=True)
class Policy:
    types: dict[int, int]  # those that open the gate, each with the hours that it stays open without a current list
    scope: int | None = None
    number: int = 0
    addressed: str = "any_gate"  # or this_gate, or this_moment: with a challenge of it
    purpose: int = 0
    interval: int = 0  # the least seconds between two passages of one pass

    def __post_init__(self) -> None:
        if self.addressed not in ("any_gate", "this_gate", "this_moment"):
            raise ValueError("whom must codes be addressed to?")
        if not all(0 <= hours <= MAX_FAIL_OPEN_HOURS for hours in self.types.values()):
            raise ValueError("a gate stays open for 24 hours at most")


@dataclass(frozen=True)
class Passage:
    issued: int
    accepted: int
    code: bytes


class Memory:
    """What was accepted, for as long as a code of then could come again."""

    def __init__(self, started: int, capacity: int = 1_000_000) -> None:
        self.before = started + SKEW  # codes of this second and older may have been accepted and forgotten
        self.capacity = capacity
        self.passages: dict[tuple[str, bytes], Passage] = {}  # two issuers may use the same cti

    def accept(self, issuer: str, shown: Presentation, now: int, interval: int) -> str:
        place = issuer, shown.credential.cti
        last = self.passages.get(place)
        if last is not None:
            if shown.issued <= last.issued:
                require(shown.code() == last.code and now - last.accepted <= SAME_CODE, "replayed")
                return "already_accepted"
            require(now - last.accepted >= interval, "too_soon")
        require(shown.issued > self.before, "before_memory")
        self.passages.pop(place, None)
        self.passages[place] = Passage(shown.issued, now, shown.code())  # at the end: the dictionary is in order of time
        self.forget(now)
        return "accepted"

    def forget(self, now: int) -> None:
        while True:
            place, oldest = next(iter(self.passages.items()))
            if len(self.passages) > self.capacity:
                self.before = max(self.before, oldest.issued)
            elif oldest.accepted + MEMORY >= now:
                return
            del self.passages[place]


# --- The gate --------------------------------------------------------------------------------------------------------


class Gate:
    def __init__(self, trust: TrustList, policy: Policy, started: int) -> None:
        self.trust = trust
        self.policy = policy
        self.started = started
        self.time = started
        self.memory = Memory(started)
        self.lists: dict[tuple[str, int], StatusList] = {}
        self.challenges: list[tuple[int, int]] = []  # since when, and which

    def learn_list(self, data: bytes, now: int) -> None:
        """Takes a status list that was fetched, unless it is older than what the gate has."""
        fetched = read_status_list(data, self.trust, max(self.time, now))
        place = fetched.issuer, fetched.number
        if place not in self.lists or self.lists[place].issued <= fetched.issued:
            self.lists[place] = fetched

    def show_challenge(self, since: int, challenge: int) -> None:
        if not 0 < challenge < 1 << 21:
            raise ValueError("a challenge has 21 bits, and 0 is none")
        self.challenges.append((since, challenge))

    def check(self, code: str, now: int) -> tuple[str, str | None]:
        """The decision (accepted, already_accepted or refused), and the reason of a refusal."""
        self.time = max(self.time, now)
        try:
            return self.decide(code), None
        except Refusal as refusal:
            return "refused", refusal.reason

    def decide(self, code: str) -> str:
        shown = read_code(code)
        credential = shown.credential
        issuer = self.issuer(credential)
        holder = credential.holder()

        require(credential.issued <= self.time + SKEW, "not_yet_valid")
        require(self.time < credential.expires, "expired")
        require(credential.type in self.policy.types, "wrong_type")
        require(self.policy.scope is None or self.policy.scope in credential.scopes, "wrong_scope")
        self.require_status(credential, issuer)

        require(shown.message.signed_by(holder, PRESENTATION), "holder_signature")
        self.require_audience(shown)
        require(shown.purpose == self.policy.purpose, "wrong_purpose")
        require(shown.issued >= self.time - credential.window - SKEW, "stale")
        require(shown.issued <= self.time + SKEW, "from_the_future")
        return self.memory.accept(issuer, shown, self.time, self.policy.interval)

    def issuer(self, credential: Credential) -> str:
        """Who stands for a credential: the holder of the first key that signed it."""
        keys = self.trust.find(credential.kid)
        require(bool(keys), "unknown_issuer")
        signer = next((key for key in keys if credential.message.signed_by(key.public, CREDENTIAL)), None)
        if signer is None:
            raise Refusal("issuer_signature")
        require(signer.may_sign(credential), "issuer_not_allowed")
        return signer.issuer

    def require_status(self, credential: Credential, issuer: str) -> None:
        open_for = self.policy.types[credential.type] * 3600
        status_list = self.lists.get((issuer, credential.list_number))
        if status_list is None:
            require(self.time < self.started + open_for, "status_unknown")
            return
        status = status_list.status(credential.list_index)
        require(status != 1, "revoked")
        require(status != 2, "suspended")
        require(status == 0, "status_unknown")
        require(self.time < status_list.expires + open_for, "status_stale")

    def require_audience(self, shown: Presentation) -> None:
        anybody = self.policy.addressed != "this_gate"
        require(shown.gate == self.policy.number if shown.gate else anybody, "wrong_audience")
        if shown.challenge or self.policy.addressed == "this_moment":
            require(shown.challenge in self.current_challenges(), "challenge_needed")

    def current_challenges(self) -> list[int]:
        past = sorted(pair for pair in self.challenges if pair[0] <= self.time)
        current = [challenge for _, challenge in past[-1:]]
        before = [challenge for _, challenge in past[-2:-1] if self.time < past[-1][0] + CHALLENGE_GRACE]
        return current + before


# --- The vectors -----------------------------------------------------------------------------------------------------


def gate_of(member: dict[str, Any], shared: dict[str, Any]) -> Gate:
    policy = Policy(
        types=dict.fromkeys(member["types"], member["fail_open_hours"]),
        scope=member["scope"],
        number=member["number"],
        addressed=member["addressed"],
        purpose=member["purpose"],
        interval=member["interval"],
    )
    gate = Gate(TrustList(shared["trust_list"]), policy, member["started"])
    for name in member["status_lists"]:
        try:
            gate.learn_list(bytes.fromhex(shared["status_lists"][name]), member["started"])
        except ValueError:
            pass  # some are offered to be refused: the codes tell
    for since, challenge in member["challenges"]:
        gate.show_challenge(since, challenge)
    return gate


def mismatches(vector: dict[str, Any], shared: dict[str, Any]) -> Iterator[str]:
    gate = gate_of(vector["gate"], shared)
    for number, step in enumerate(vector["steps"], 1):
        published = step["decision"], step.get("reason")
        decided = gate.check(step["code"], step["at"])
        if decided != published:
            yield f"{vector['name']}, step {number}: published as {published}, decided as {decided}"


def refusal_of(read: Callable[..., Any], *arguments: Any) -> str | None:
    try:
        read(*arguments)
    except Refusal as refusal:
        return refusal.reason
    return None


def library_faults() -> Iterator[str]:
    """Each thing that a library may let pass must be refused here, whatever its version does."""
    # A pair above 255, a triple above 65535, a line feed at the end, lower case, one character too many.
    for text in ("::", ":::", "GGW", "BB8\n", "bb8", "BB8B"):
        if refusal_of(read_base45, text) != "base45":
            yield f"Base45: {text!r} is not refused"
    # An integer, a length, an array and a map in more than one writing; floats that are equal to an integer.
    for data in ("1800", "580100", "9f00ff", "bf0100ff", "a202000100", "a201000100", "5f4100ff", "fb3ff0000000000000"):
        if refusal_of(inner, bytes.fromhex(data), lambda item: item) != "not_deterministic":
            yield f"CBOR: {data} is not refused"
    # Tags that cbor2 would take away: an integer in bytes, a shared value, a string table, CBOR's own.
    for data in ("c24101", "d81c00", "d9010080", "d9d9f700", "d234", "", "18", "1c", "ff", "61ff"):
        if refusal_of(read_item, bytes.fromhex(data)) != "structure":
            yield f"CBOR: {data} is not refused"
    for value in (True, 1.0, "1", None):
        if refusal_of(uint, value) != "structure":
            yield f"{value!r} is taken for an integer"
    # The twin of a signature verifies just as well, in any library that follows the standard.
    key = ec.derive_private_key(1, ec.SECP256R1())
    message = cbor2.dumps(["Signature1", b"", b"", b""])
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    for twin, refused in ((min(s, ORDER - s), None), (max(s, ORDER - s), "signature_form")):
        signature = r.to_bytes(32, "big") + twin.to_bytes(32, "big")
        if not Sign1(b"", b"", signature).signed_by(key.public_key(), b""):
            yield "ECDSA: a signature does not verify"
        if refusal_of(read_sign1, [b"", {}, b"", signature]) != refused:
            yield "ECDSA: a signature and its twin are not told apart"


def trust_faults(shared: dict[str, Any], vectors: list[dict[str, Any]]) -> Iterator[str]:
    """Issuers are found by the thumbprints of their keys, and among keys that have the same kid."""
    example = (  # RFC 9679, section 6
        "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d",
        "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c",
        "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec",
    )
    x, y, digest = map(bytes.fromhex, example)
    if thumbprint(x, y) != digest:
        yield "a thumbprint is not the one of RFC 9679"

    trust = TrustList(shared["trust_list"])
    found: set[bytes] = set()
    for vector in vectors:
        step = vector["steps"][0]
        if step["decision"] != "accepted":
            continue
        credential = read_code(step["code"]).credential
        signers = [key for key in trust.find(credential.kid) if credential.message.signed_by(key.public, CREDENTIAL)]
        found.update(key.thumbprint for key in signers)
        if len(signers) != 1:
            yield f"{vector['name']}: {len(signers)} issuers are found by kid"

        gate = gate_of(vector["gate"], shared)
        others = [key for keys in trust.keys.values() for key in keys if key not in signers]
        gate.trust.keys[credential.kid][:0] = others  # as if their thumbprints began with the same four bytes
        if gate.check(step["code"], step["at"])[0] != "accepted":
            yield f"{vector['name']}: a kid that several keys have is not looked through"
    if not found:
        yield "no vector finds an issuer by kid"

    listed = {key.public.public_numbers() for keys in trust.keys.values() for key in keys}
    for name, secret in shared["private_keys"].items():
        public = ec.derive_private_key(int(secret, 16), ec.SECP256R1()).public_key().public_numbers()
        if (public in listed) != name.endswith("issuer"):
            yield f"{name}: the private key does not fit the trust list"


def report(title: str, counts: str, faults: Iterable[str]) -> int:
    faults = list(faults)
    print(f"{title:<20} {counts:>24} {len(faults):>3} mismatches")
    for fault in faults:
        print(f"    {fault}")
    return len(faults)


def main(folder: Path) -> int:
    shared = json.loads((folder / "shared.json").read_text(encoding="utf-8"))
    everything: list[dict[str, Any]] = []
    faults = 0
    for path in sorted(folder.glob("*.json")):
        if path.name in ("shared.json", "trust-list.json"):
            continue
        vectors = json.loads(path.read_text(encoding="utf-8"))["vectors"]
        everything += vectors
        counts = f"{len(vectors)} vectors, {sum(len(vector['steps']) for vector in vectors)} steps"
        faults += report(path.name, counts, (fault for vector in vectors for fault in mismatches(vector, shared)))
    steps = sum(len(vector["steps"]) for vector in everything)
    counts = f"{len(shared['trust_list']['keys'])} issuer keys"
    faults += report("shared.json", counts, trust_faults(shared, everything))
    faults += report("libraries", "", library_faults())
    print(f"{len(everything)} vectors, {steps} steps: {f'{faults} mismatches' if faults else 'all as published'}")
    return 1 if faults or not everything else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "cq1"))
