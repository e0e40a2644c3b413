"""What the tests of this folder share: the world to talk to, ports in software, and a resident with a browser.

The world's address is in ONECITY_WORLD; `tests/run` starts one.
"""

import asyncio
import json
import os
import queue
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import onecity
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

WORLD = os.environ["ONECITY_WORLD"]


class Keys(onecity.DeviceKeys):
    """P-256 keys in memory."""

    def __init__(self):
        self.keys = {}

    async def create(self, purpose, challenge):
        key_id = f"{purpose.name.lower()}-{uuid.uuid4()}"
        self.keys[key_id] = ec.generate_private_key(ec.SECP256R1())
        return onecity.CreatedKey(id=key_id, attestation=[])

    def _key(self, key_id):
        if key_id not in self.keys:
            raise onecity.PortError.KeyInvalidated()
        return self.keys[key_id]

    async def public_key(self, id):
        public = self._key(id).public_key()
        return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    async def sign(self, id, message):
        return self._key(id).sign(message, ec.ECDSA(hashes.SHA256()))

    async def delete(self, id):
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

    async def ask(self, request):
        self.asked.append(request)
        return True


class Host(onecity.ServiceHost):
    """Shows nothing, and remembers what it was asked."""

    async def show_pass(self, pass_id):
        self.shown = pass_id

    async def show_hand_over(self, shown):
        self.handed_over = shown

    async def scan(self):
        return None

    async def locate(self):
        return onecity.Position(latitude=36.65, longitude=117.12, accuracy=20.0)

    async def pick_photo(self):
        return onecity.Photo(name="lamp.jpg", media_type="image/jpeg", bytes=bytes(300_000))

    async def share(self, shared):
        self.shared = shared
        return True

    async def open_browser(self, url):
        self.opened = url
        return True

    async def open_service(self, link, data, from_service):
        return None

    async def finish_service(self, service, result):
        self.finished = result


class Observer(onecity.Observer):
    """Remembers what changed. It is told a while after the change, on a thread of the core's."""

    def __init__(self):
        self.topics = set()
        self.told = threading.Condition()

    def changed(self, topic):
        with self.told:
            self.topics.add(topic)
            self.told.notify_all()

    async def heard(self, topic):
        """Waits until a topic has changed."""

        def wait():
            with self.told:
                assert self.told.wait_for(lambda: topic in self.topics, timeout=20), topic

        await asyncio.to_thread(wait)


class CodeScreen(onecity.CodeListener):
    """Remembers the codes that it should show."""

    def __init__(self):
        self.codes = queue.Queue()

    def code(self, code):
        self.codes.put(code)

    def failed(self, error):
        self.codes.put(error)

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
    onecity.use_event_loop(asyncio.get_running_loop())
    ready = dict(keys=Keys(), secrets=Secrets(), clock=Clock(), consent=Consent(), host=Host(), observer=Observer())
    ready.update(own)
    return onecity.Ports(**ready)


def options(folder, languages=("en",)):
    nations = [
        onecity.NationAnchor(nation=own["nation"], url=own["url"], root=own["root"].encode())
        for own in fetch_json("/world.json")["nations"]
    ]
    return onecity.Options(folder=folder, languages=list(languages), nations=nations, allow_loopback=True, package_budget=0)
