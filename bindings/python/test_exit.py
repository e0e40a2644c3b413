"""However a process ends, it ends as Python meant it to: no fault, no hang.

A thread of the core may be about to call Python, or may be waiting in it, when the interpreter ends. Each run is a
process of its own that ends in one of these moments. `ONECITY_EXIT_RUNS` says how many there are (20).
"""

import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import threading
import unittest

RUNS = int(os.environ.get("ONECITY_EXIT_RUNS", "20"))


async def logged_in(folder, **own):
    from world import browse, options, ports

    import onecity

    phone = onecity.OneCity.open(options(folder), ports(**own))
    attempt = await phone.begin_login("shandong", "onecity://login")
    await phone.finish_login(browse(attempt.url, "lan"))
    return phone


async def after_logout(folder):
    phone = await logged_in(folder)
    await phone.logout(True)


async def with_a_code_on_the_screen(folder):
    from world import CodeScreen

    phone = await logged_in(folder)
    await phone.sync("cn-sd")
    card = await phone.add_pass("cn-sd", "transit", None)
    screen = CodeScreen()
    # Held by nobody but this frame, and shown until the very end.
    with_a_code_on_the_screen.task = phone.watch_code(card.id, None, screen)
    await screen.first()


async def while_calls_are_under_way(folder):
    phone = await logged_in(folder)
    while_calls_are_under_way.calls = [asyncio.ensure_future(phone.sync("cn-sd/jinan")) for _ in range(4)]
    await asyncio.sleep(0)


async def while_the_resident_is_asked(folder):
    from world import Consent

    class Undecided(Consent):
        async def ask(self, request):
            asked.set()
            await asyncio.Event().wait()

    asked = asyncio.Event()
    phone = await logged_in(folder, consent=Undecided())
    await phone.sync("cn-sd/jinan")
    service = await phone.open_service("cn-sd/jinan/transit-pass", "cn-sd/jinan")
    call = '{"method":"passes_add","params":{"pass_type":"transit"}}'
    while_the_resident_is_asked.call = asyncio.ensure_future(service.call(call))
    await asked.wait()


async def dropped_on_another_thread(folder):
    phones = [await logged_in(folder)]
    thread = threading.Thread(target=phones.clear)
    thread.start()
    thread.join()
    gc.collect()


async def with_an_observer_that_fails(folder):
    import onecity

    class Failing(onecity.Observer):
        def changed(self, topic):
            raise RuntimeError("a fault of the shell's")

    phone = await logged_in(folder, observer=Failing())
    await phone.logout(True)


ENDS = [
    after_logout,
    with_a_code_on_the_screen,
    while_calls_are_under_way,
    while_the_resident_is_asked,
    dropped_on_another_thread,
    with_an_observer_that_fails,
]


class Exit(unittest.TestCase):
    def test_a_process_ends_without_a_fault_whatever_it_was_doing(self):
        for run in range(RUNS):
            end = ENDS[run % len(ENDS)]
            with self.subTest(end=end.__name__, run=run):
                ended = subprocess.run(
                    [sys.executable, __file__, end.__name__], capture_output=True, text=True, timeout=60
                )
                self.assertEqual(ended.returncode, 0, ended.stderr[-2000:])
                self.assertNotIn("FATAL", ended.stderr)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        asyncio.run(globals()[sys.argv[1]](place))
