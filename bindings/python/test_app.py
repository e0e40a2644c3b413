"""The app's screens from Python: what a shell does, without drawing anything."""

import asyncio
import tempfile
import unittest

import onecity
from world import Clock, Keys, Secrets, browse, options


class Resident(onecity.Shell):
    """A shell that logs in as Lan where it is to open a browser, and somebody who reads and touches by what is written."""

    def __init__(self, folder):
        self.loop = asyncio.get_running_loop()
        self.happened = asyncio.Event()
        environment = onecity.Environment(
            languages=["en"], offset_minutes=480, screen_reader=False, can_locate=False, can_scan=True
        )
        ports = onecity.AppPorts(keys=Keys(), secrets=Secrets(), clock=Clock(), shell=self)
        self.app = onecity.OneCityApp.start(options(folder), environment, ports)

    def changed(self):
        self.loop.call_soon_threadsafe(self.happened.set)

    def perform(self, effect):
        outcome = onecity.Outcome.DONE()
        if effect.act.is_BROWSE():
            outcome = onecity.Outcome.TEXT(text=browse(effect.act.url, "lan"))
        self.app.send(onecity.Event.DONE(id=effect.id, outcome=outcome))

    def screen(self):
        frame = self.app.frame()
        return self.app.screen(frame.sheet.entry if frame.sheet else frame.stack[-1])

    async def until(self, look):
        async def looking():
            while (found := look(self.screen())) is None:
                await self.happened.wait()
                self.happened.clear()
            return found

        return await asyncio.wait_for(looking(), 20)

    async def block(self, label):
        """Waits for the block with this written on it."""

        def written(block):
            return getattr(block.kind, "title", None) or getattr(block.kind, "label", None) or ""

        def look(screen):
            found = [block for block in screen.blocks if written(block).startswith(label)] if screen else []
            return (screen.entry, found[0]) if found else None

        return await self.until(look)

    async def taps(self, label):
        entry, block = await self.block(label)
        return self.app.send(onecity.Event.TAP(entry=entry, key=block.key))


class App(unittest.IsolatedAsyncioTestCase):
    async def test_a_resident_goes_from_the_first_start_to_an_open_service(self):
        onecity.use_event_loop(asyncio.get_running_loop())
        with tempfile.TemporaryDirectory() as folder:
            resident = Resident(folder)
            await resident.taps("Agree and go on")
            await resident.taps("Shandong")
            await resident.taps("Jinan")
            entry, tile = await resident.block("Transit pass")
            self.assertEqual(resident.app.frame().tabs[0].icon, onecity.Icon.HOME)
            picture = await resident.app.image(tile.kind.image)
            self.assertEqual(picture.media_type, "image/svg+xml")
            # What was read before is not sent again.
            screen = resident.app.screen(entry)
            news = resident.app.changes_since(entry, screen.epoch, screen.revision)
            self.assertEqual((news.whole, news.blocks), (False, []))

            resident.app.send(onecity.Event.TAB(tab=onecity.Tab.ME))
            await resident.taps("Log in")
            await resident.taps("Shandong")
            await resident.until(lambda screen: resident.app.frame().notice)
            self.assertIn("Persona Lan", resident.app.frame().notice.text)

            resident.app.send(onecity.Event.TAB(tab=onecity.Tab.HOME))
            await resident.taps("Report a problem")
            web = await resident.until(lambda screen: screen.head.web)
            entry = resident.screen().entry
            page = await resident.app.resource(
                entry, onecity.ResourceRequest(path=web.path, method="", range=None, if_none_match=None)
            )
            self.assertEqual((page.status, page.mime), (200, "text/html; charset=utf-8"))
            answer = await resident.app.bridge(entry, '{"method":"info","params":{}}')
            self.assertIn("cn-sd/jinan/report", answer)
            # An event for what is no longer on the screen does nothing.
            sent = resident.app.send(onecity.Event.TAP(entry="999", key="nothing"))
            await resident.until(lambda screen: resident.app.frame().applied >= sent or None)
            await resident.app.shut_down()
