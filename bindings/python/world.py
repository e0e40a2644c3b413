"""What the tests of this folder share: the world to talk to, ports in software, and a resident with a browser.

The world's address is in ONECITY_WORLD; `tests/run` starts one.
"""

import asyncio
import json
import os
import queue
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import onecity_bindings as onecity
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

WORLD = os.environ["ONECITY_WORLD"]


class Keys(onecity.DeviceKeys):
    """P-256 keys in memory."""

    def __init__(self):
        self.keys = {}

    def create(self, purpose):
        key_id = f"{purpose.name.lower()}-{uuid.uuid4()}"
        self.keys[key_id] = ec.generate_private_key(ec.SECP256R1())
        return key_id

    def _key(self, key_id):
        if key_id not in self.keys:
            raise onecity.PortError.KeyInvalidated()
        return self.keys[key_id]

    def public_key(self, id):
        public = self._key(id).public_key()
        return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    def sign(self, id, message):
        return self._key(id).sign(message, ec.ECDSA(hashes.SHA256()))

    def delete(self, id):
        self.keys.pop(id, None)


class Secrets(onecity.SecretStore):
    """Wraps with an AES key in memory."""

    def __init__(self):
        self.key = AESGCM(AESGCM.generate_key(256))

    def wrap(self, secret):
        nonce = os.urandom(12)
        return nonce + self.key.encrypt(nonce, secret, None)

    def unwrap(self, wrapped):
        try:
            return self.key.decrypt(wrapped[:12], wrapped[12:], None)
        except Exception as error:
            raise onecity.PortError.KeyInvalidated() from error

    def remember(self, generation):
        self.generation = max(generation, self.recall() or 0)

    def recall(self):
        return getattr(self, "generation", None)


class Clock(onecity.Clock):
    def wall(self):
        return int(time.time() * 1000)

    def since_boot_including_sleep(self):
        return int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)

    def boot_id(self):
        return "this start"


class Consent(onecity.ConsentPrompt):
    """Agrees, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def ask(self, question):
        self.asked.append(question)
        return True


class Host(onecity.ServiceHost):
    """Shows nothing, and remembers what it was asked."""

    def show_pass(self, pass_id):
        self.shown = pass_id

    def show_hand_over(self, shown):
        self.handed_over = shown

    def scan(self):
        return None

    def locate(self):
        return onecity.Position(latitude=36.65, longitude=117.12, accuracy=20.0)

    def pick_photo(self):
        return onecity.Photo(name="lamp.jpg", media_type="image/jpeg", bytes=bytes(300_000))

    def share(self, text, url):
        self.shared = (text, url)
        return True

    def open_browser(self, url):
        self.opened = url
        return True

    def open_service(self, link, data, from_service):
        return None

    def finish_service(self, service, result):
        self.finished = result


class Observer(onecity.Observer):
    """Remembers what changed."""

    def __init__(self):
        self.topics = []

    def changed(self, topic):
        self.topics.append(topic)


class CodeScreen(onecity.CodeListener):
    """Remembers the codes that it should show."""

    def __init__(self):
        self.codes = queue.Queue()

    def code(self, code):
        self.codes.put(code)

    def failed(self, reason):
        self.codes.put(RuntimeError(reason))

    async def first(self):
        shown = await asyncio.to_thread(self.codes.get, timeout=20)
        if isinstance(shown, Exception):
            raise shown
        return shown


def fetch(path):
    with urllib.request.urlopen(WORLD + path, timeout=20) as answer:
        return answer.read()


def fetch_json(path):
    return json.loads(fetch(path))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def browse(url, persona):
    """Logs in as a persona without a page (OpenID Connect's prompt=none) and returns where the browser is sent."""
    url += "&" + urllib.parse.urlencode({"prompt": "none", "login_hint": persona})
    try:
        urllib.request.build_opener(_NoRedirect).open(url, timeout=20)
    except urllib.error.HTTPError as answer:
        if answer.code == 303:
            return answer.headers["location"]
        raise
    raise AssertionError("the provider did not send the browser back")


def ports(**own):
    ready = dict(keys=Keys(), secrets=Secrets(), clock=Clock(), consent=Consent(), host=Host(), observer=Observer())
    ready.update(own)
    return onecity.Ports(**ready)


def options(folder, languages=("en",)):
    nations = [
        onecity.Nation(nation=own["nation"], url=own["url"], root=own["root"].encode())
        for own in fetch_json("/world.json")["nations"]
    ]
    return onecity.Options(folder=folder, languages=list(languages), nations=nations, allow_loopback=True, package_budget=0)
