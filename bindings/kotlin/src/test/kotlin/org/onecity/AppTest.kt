package org.onecity

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.onecity.app.Act
import org.onecity.app.Block
import org.onecity.app.Effect
import org.onecity.app.Environment
import org.onecity.app.Event
import org.onecity.app.Icon
import org.onecity.app.Kind
import org.onecity.app.Outcome
import org.onecity.app.Screen
import org.onecity.core.ResourceRequest
import java.nio.file.Path
import java.util.concurrent.CompletableFuture
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

/** A shell that logs in as Minh where it is to open a browser, and somebody who touches what they read. */
private class Reader(folder: Path) : Shell {
    private val happened = LinkedBlockingQueue<Unit>()
    private val started = CompletableFuture<OneCityApp>()
    val app: OneCityApp get() = started.join()

    init {
        val environment = Environment(listOf("vi-VN"), 420, false, false, true)
        val ports = AppPorts(JvmKeys(), JvmSecrets(), JvmClock(), this)
        started.complete(OneCityApp.start(options(folder), environment, ports))
    }

    override fun changed() {
        happened.add(Unit)
    }

    override fun perform(effect: Effect) {
        val outcome = when (val act = effect.act) {
            is Act.Browse -> Outcome.Text(browse(act.url, "minh"))
            else -> Outcome.Done
        }
        app.send(Event.Done(effect.id, outcome))
    }

    fun screen(): Screen? = app.frame().let { frame -> app.screen(frame.sheet?.entry ?: frame.stack.last()) }

    fun <T : Any> until(what: String, look: (Screen) -> T?): T {
        while (true) {
            screen()?.let(look)?.let { return it }
            checkNotNull(happened.poll(20, TimeUnit.SECONDS)) { "$what was never seen: ${screen()}" }
        }
    }

    /** Every kind that can be touched by its label; `when` is exhaustive, so that a new kind has to be answered here. */
    private fun label(block: Block): String? = when (val kind = block.kind) {
        is Kind.Button -> kind.label
        is Kind.Row -> kind.title
        is Kind.Tile -> kind.label
        is Kind.Heading, is Kind.Text, is Kind.Notice, is Kind.Tiles, is Kind.Rows, is Kind.Field, is Kind.Choice,
        is Kind.Toggle, is Kind.Facts, is Kind.Code, is Kind.Progress, is Kind.Empty, Kind.Waiting,
        -> null
    }

    fun taps(label: String) {
        val (entry, key) = until(label) { screen ->
            screen.blocks.firstOrNull { label(it)?.contains(label) == true }?.let { screen.entry to it.key }
        }
        app.send(Event.Tap(entry, key))
    }
}

/** The app's screens from Kotlin: what a shell does, without drawing anything. */
class AppTest {
    @Test
    fun `a resident of Ha Noi goes from the first start to an open service`(@TempDir folder: Path) = runBlocking {
        val reader = Reader(folder)
        reader.taps("Đồng ý và tiếp tục")
        reader.taps("Hà Nội")
        reader.taps("Toàn")
        val report = reader.until("a tile") { screen ->
            screen.blocks.map { it.kind }.filterIsInstance<Kind.Tile>().firstOrNull { it.label == "Phản ánh hiện trường" }
        }
        assertEquals("image/svg+xml", reader.app.image(report.image!!)?.mediaType)
        assertEquals(listOf(Icon.HOME, Icon.PASS, Icon.PERSON), reader.app.frame().tabs.map { it.icon })
        assertEquals("vi", reader.app.frame().language)

        reader.taps("Phản ánh hiện trường")
        val (entry, web) = reader.until("a page") { screen -> screen.head.web?.let { screen.entry to it } }
        assertEquals(200.toUShort(), reader.app.resource(entry, ResourceRequest(web.path, "", null, null)).status)
        assertTrue("vn-hn" in reader.app.bridge(entry, """{"method":"info","params":{}}"""))

        val screen = reader.app.screen(entry)!!
        val news = reader.app.changesSince(entry, screen.epoch, screen.revision)!!
        assertFalse(news.whole)
        assertTrue(news.blocks.isEmpty())
        val sent = reader.app.send(Event.Back)
        reader.until("the event") { reader.app.frame().applied.takeIf { it >= sent } }
        assertTrue(reader.app.changesSince(entry, screen.epoch, screen.revision) == null, "the page is left")
        reader.app.shutDown()
    }
}
