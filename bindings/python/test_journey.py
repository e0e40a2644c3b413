"""One short journey from Python: log in, sync, home, a code at a gate, a typed error, callbacks both ways."""

import json
import tempfile
import unittest

import onecity
from world import CodeScreen, Consent, Observer, Secrets, browse, fetch, fetch_json, options, ports

REDIRECT = "onecity://login"


def turnstile():
    return onecity.OfflineGatePolicy(
        types=[1], scope=37, number=1, addressed=onecity.CodeAddress.ANY_GATE, purpose=0, interval=0, fail_open_hours=0
    )


def file(path, range=None):
    return onecity.ResourceRequest(path=path, method="", range=range, if_none_match=None)


class Journey(unittest.IsolatedAsyncioTestCase):
    async def test_a_resident_logs_in_finds_services_and_passes_a_gate(self):
        consent, observer = Consent(), Observer()
        with tempfile.TemporaryDirectory() as folder:
            phone = onecity.OneCity.open(options(folder), ports(consent=consent, observer=observer))
            attempt = await phone.begin_login("shandong", REDIRECT)
            account = await phone.finish_login(browse(attempt.url, "lan"))
            self.assertEqual(account.name, "Persona Lan")
            await observer.heard(onecity.Topic.ACCOUNT)

            report = await phone.sync("cn-sd/jinan")
            self.assertEqual(report.broken, [])
            home = await phone.home("cn-sd/jinan")
            self.assertEqual(home.region.latin, "Jinan")
            self.assertIsInstance(home.freshness, onecity.Freshness.FRESH)
            self.assertIn("cn-sd/jinan/transit-pass", [service.id for service in home.services])

            found = await phone.search("chengche", "cn-sd/jinan")
            self.assertEqual(found[0].id, "cn-sd/jinan/transit-pass")
            icon = await phone.icon("cn-sd/jinan/transit-pass")
            self.assertEqual(icon.media_type, "image/svg+xml")
            why = await phone.why_not("cn-sd/qingdao/report", "cn-sd/jinan")
            self.assertEqual(why.obstacle, onecity.Obstacle.REGION)
            self.assertGreater((await phone.travel_plan("cn-sd/jinan")).bytes_to_fetch, 0)

            service = await phone.open_service("cn-sd/jinan/transit-pass", "cn-sd/jinan")
            page = await service.resource(file(service.entry()))
            self.assertEqual((page.status, page.mime), (200, "text/html; charset=utf-8"))
            missing = await service.resource(file("../vault.sqlite"))
            self.assertEqual(missing.status, 404)
            call = {"method": "passes_add", "params": {"pass_type": "transit"}}
            answer = json.loads(await service.call(json.dumps(call)))
            self.assertEqual([question.permission for question in consent.asked], ["passes"])

            code = await phone.code(answer["result"]["id"], None)
            self.assertEqual(len(code.picture.modules), (code.picture.width**2 + 7) // 8)
            trust_list = json.dumps(fetch_json("/gate/cn-sd/trust.json")).encode()
            gate = onecity.OfflineGate(trust_list, turnstile(), code.issued - 3600)
            gate.set_status_list(fetch("/status/cn-sd/1"), code.issued)
            self.assertIsInstance(gate.check(code.text, code.issued), onecity.GateDecision.ACCEPTED)
            replayed = gate.check(code.text, code.issued + 10)
            self.assertEqual(replayed.reason, "replayed")

            screen = CodeScreen()
            task = phone.watch_code(answer["result"]["id"], "CQ1A:1", screen)
            shown = await screen.first()
            task.cancel()
            self.assertIsInstance(gate.check(shown.text, shown.issued), onecity.GateDecision.ACCEPTED)
            [used] = await phone.passes(onecity.PassSituation(region="cn-sd/jinan", pass_type="transit"))
            self.assertEqual((used.status, used.valid_in), (onecity.PassStatus.GOOD, ["all of Shandong"]))
            self.assertEqual([holder.relation for holder in await phone.pass_holders("cn-sd", "transit")], ["child", "parent"])
            await phone.remove_pass(used.id)
            self.assertEqual(await phone.passes(onecity.PassSituation(region=None, pass_type=None)), [])

    async def test_accounts_files_and_a_photo_through_the_background(self):
        with tempfile.TemporaryDirectory() as folder:
            phone = onecity.OneCity.open(options(folder), ports())
            for persona in ["lan", "workshop"]:
                attempt = await phone.begin_login("shandong", REDIRECT)
                await phone.finish_login(browse(attempt.url, persona))
            accounts = await phone.accounts()
            self.assertEqual([own.active for own in accounts], [False, True])
            self.assertTrue((await phone.switch_account(accounts[0].id)).active)
            self.assertEqual(sum(own.current for own in await phone.sessions()), 1)
            await phone.sync("cn-sd/jinan")
            await phone.suspend()
            await phone.resume()
            await phone.check_files()
            service = await phone.open_link("onecity://miniapp/cn-sd.jinan:report", "cn-sd/jinan")
            refused = json.loads(await service.call('{"method":"scan","params":{}}'))
            self.assertEqual(refused["error"]["code"], "not_declared")
            part = await service.resource(file(service.entry(), range="bytes=0-8"))
            self.assertEqual((part.status, len(part.body)), (206, 9))
            storage = await phone.storage()
            self.assertTrue(any(own.id == "cn-sd/jinan/report" and own.packages > 0 for own in storage.services))
            self.assertIn("handOver()", onecity.page_types())
            self.assertIn("RTC", onecity.page_guard())
            with self.assertRaises(onecity.OneCityError.InvalidInput) as raised:
                await phone.begin_login_as("shandong", REDIRECT, "110105194912310021")
            self.assertEqual(raised.exception.field, "number")
            await phone.logout(False)
            self.assertEqual(len(await phone.accounts()), 1)

    async def test_errors_come_with_their_type_and_name(self):
        with tempfile.TemporaryDirectory() as folder:
            phone = onecity.OneCity.open(options(folder), ports())
            with self.assertRaises(onecity.OneCityError.InvalidInput) as raised:
                await phone.home("Not A Region")
            self.assertEqual(raised.exception.field, "region")
            with self.assertRaises(onecity.OneCityError.InvalidInput) as raised:
                await phone.icon("report")
            self.assertEqual(raised.exception.field, "service")
            with self.assertRaises(onecity.OneCityError.Refused) as raised:
                await phone.finish_login(f"{REDIRECT}?code=x&state=never-begun")
            self.assertIsInstance(raised.exception.reason, onecity.Refusal.LOGIN_STATE)
            self.assertEqual(raised.exception.text, "This login no longer counts. Log in again.")
            with self.assertRaises(onecity.OneCityError.LoginRequired):
                await phone.sync("cn-sd")
                await phone.add_pass("cn-sd", "transit", None)

    async def test_another_key_store_is_told_apart_and_loses_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            secrets = Secrets()
            onecity.OneCity.open(options(folder), ports(secrets=secrets))
            with self.assertRaises(onecity.OneCityError.KeyInvalidated):
                onecity.OneCity.open(options(folder), ports())
            onecity.OneCity.open(options(folder), ports(secrets=secrets))


if __name__ == "__main__":
    unittest.main()
