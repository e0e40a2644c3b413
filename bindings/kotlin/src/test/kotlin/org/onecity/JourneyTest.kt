package org.onecity

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import org.onecity.core.Freshness
import org.onecity.core.Lifecycle
import org.onecity.core.Obstacle
import org.onecity.core.OneCityException
import org.onecity.core.PassSituation
import org.onecity.core.Refusal
import org.onecity.core.ResourceRequest
import org.onecity.core.Topic
import java.nio.file.Path

private const val REDIRECT = "onecity://login"

private fun file(path: String) = ResourceRequest(path, "", null, null)

/** What a shell offers for a refusal. `when` is exhaustive: a reason that is added has to be answered here. */
private fun remedy(reason: Refusal): String = when (reason) {
    Refusal.LoginState, Refusal.WrongNonce, is Refusal.LoginDenied -> "log in again"
    Refusal.WrongIssuer -> "try another network"
    Refusal.NotFound, Refusal.NotOffered, is Refusal.Withdrawn, is Refusal.Package -> "search for another service"
    Refusal.PlatformTooOld -> "update the app"
    Refusal.Consent, Refusal.NotDeclared -> "nothing"
    is Refusal.Issuance, Refusal.PassRevoked, Refusal.PassSuspended -> "ask the issuer"
    Refusal.PassExpired, Refusal.PassKeyGone -> "connect to a network"
    Refusal.InUse -> "close the other app"
    Refusal.StorageFull, Refusal.Quota -> "free some space"
    Refusal.VaultDamaged -> "recover"
    Refusal.AlreadySent -> "call the hotline"
    Refusal.DraftExpired, Refusal.DraftThere, Refusal.DocumentExpired -> "get a new one"
    Refusal.StillWaiting -> "wait"
    Refusal.PhoneClock -> "check the date"
}

/** One short journey from Kotlin: log in, sync, home, a code at a gate, a typed error, callbacks both ways. */
class JourneyTest {
    @Test
    fun `a resident logs in, finds services and passes a gate`(@TempDir folder: Path) = runBlocking {
        val resident = AgreeingResident()
        val watcher = Watcher()
        OneCity.open(options(folder), ports(consent = resident, observer = watcher)).use { phone ->
            val attempt = phone.beginLogin("shandong", REDIRECT)
            val account = phone.finishLogin(browse(attempt.url, "minh"))
            assertEquals("Persona Minh", account.name)
            watcher.heard(Topic.ACCOUNT)

            assertTrue(phone.sync("cn-sd/qingdao").broken.isEmpty())
            val home = phone.home("cn-sd/qingdao")
            assertEquals("Qingdao", home.region.latin)
            assertEquals(Freshness.Fresh, home.freshness)
            assertTrue(home.services.any { it.id == "cn-sd/~jiaodong/coast" })

            assertEquals("cn-sd/qingdao/transit-pass", phone.search("ccm", "cn-sd/qingdao").first().id)
            assertEquals(Obstacle.REGION, phone.whyNot("cn-sd/jinan/report", "cn-sd/qingdao")?.obstacle)

            phone.openService("cn-sd/qingdao/transit-pass", "cn-sd/qingdao").use { service ->
                assertEquals(200.toUShort(), service.resource(file(service.entry())).status)
                assertEquals(404.toUShort(), service.resource(file("../vault.sqlite")).status)
                val answer = service.call("""{"method":"passes_add","params":{"pass_type":"transit"}}""")
                assertTrue("\"result\"" in answer, answer)
            }
            assertEquals(listOf("passes"), resident.asked.map { it.permission })

            val code = phone.code(phone.passes(PassSituation("cn-sd/jinan", null)).single().id, null)
            val gate = OfflineGate(
                fetch("$world/gate/cn-sd/trust.json"),
                OfflineGatePolicy(listOf(1uL), 37uL, 1u, CodeAddress.ANY_GATE, 0uL, 0u, 0u),
                code.issued - 3600,
            )
            gate.setStatusList(fetch("$world/status/cn-sd/1"), code.issued)
            assertInstanceOf(GateDecision.Accepted::class.java, gate.check(code.text, code.issued))
            val replayed = gate.check(code.text, code.issued + 10)
            assertEquals("replayed", (replayed as GateDecision.Refused).reason)
        }
    }

    @Test
    fun `accounts and files live through the background`(@TempDir folder: Path): Unit = runBlocking {
        OneCity.open(options(folder), ports()).use { phone ->
            for (persona in listOf("lan", "workshop")) {
                phone.finishLogin(browse(phone.beginLogin("shandong", REDIRECT).url, persona))
            }
            assertEquals(listOf(false, true), phone.accounts().map { it.active })
            phone.suspend()
            phone.resume()
            assertEquals("Persona Lan", phone.switchAccount(phone.accounts().first().id).name)
            phone.sync("cn-sd/jinan")
            phone.openLink("onecity://miniapp/cn-sd.jinan:report", "cn-sd/jinan").use { service ->
                service.lifecycle(Lifecycle.HIDDEN)
                assertTrue("not_shown" in service.call("""{"method":"share","params":{"text":"t","url":null}}"""))
            }
            assertEquals("number", assertThrows<OneCityException.InvalidInput> {
                phone.beginLoginAs("shandong", REDIRECT, "110105194912310021")
            }.field)
            phone.logout(false)
            assertEquals(1, phone.accounts().size)
        }
    }

    @Test
    fun `errors come with their type and name`(@TempDir folder: Path): Unit = runBlocking {
        OneCity.open(options(folder), ports()).use { phone ->
            assertEquals("region", assertThrows<OneCityException.InvalidInput> { phone.home("Not A Region") }.field)
            val refused = assertThrows<OneCityException.Refused> { phone.finishLogin("$REDIRECT?code=x&state=never") }
            assertEquals(Refusal.LoginState, refused.reason)
            assertEquals("This login no longer counts. Log in again.", refused.text)
            assertEquals("log in again", remedy(refused.reason))
        }
    }

    @Test
    fun `another key store is told apart and loses nothing`(@TempDir folder: Path) {
        val secrets = JvmSecrets()
        OneCity.open(options(folder), ports(secrets)).close()
        assertThrows<OneCityException.KeyInvalidated> { OneCity.open(options(folder), ports()) }
        OneCity.open(options(folder), ports(secrets)).close()
    }
}
