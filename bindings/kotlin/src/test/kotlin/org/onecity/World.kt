package org.onecity

import org.onecity.core.ConsentRequest
import org.onecity.core.HandOverView
import org.onecity.core.KeyPurpose
import org.onecity.core.NationAnchor
import org.onecity.core.Photo
import org.onecity.core.Position
import org.onecity.core.ServiceId
import org.onecity.core.Shared
import org.onecity.core.Topic
import java.net.HttpURLConnection
import java.net.URI
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.SecureRandom
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.UUID
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.spec.GCMParameterSpec

/** The world to talk to: `tests/run` starts one and puts its address into ONECITY_WORLD. */
val world: String = System.getenv("ONECITY_WORLD") ?: error("ONECITY_WORLD is not set: run tests/run")

/** P-256 keys of the JVM, as an Android Keystore would hold them. */
class JvmKeys : DeviceKeys {
    private val pairs = ConcurrentHashMap<String, KeyPair>()

    private fun pair(id: String) = pairs[id] ?: throw PortException.KeyInvalidated()

    override suspend fun create(purpose: KeyPurpose, challenge: ByteArray): CreatedKey {
        val generator = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }
        val id = "$purpose-${UUID.randomUUID()}".also { pairs[it] = generator.generateKeyPair() }
        return CreatedKey(id, emptyList())
    }

    override suspend fun publicKey(id: String): ByteArray {
        val point = (pair(id).public as ECPublicKey).w
        fun coordinate(value: java.math.BigInteger) =
            value.toByteArray().let { ByteArray(32) + it }.takeLast(32).toByteArray()
        return byteArrayOf(4) + coordinate(point.affineX) + coordinate(point.affineY)
    }

    override suspend fun sign(id: String, message: ByteArray): ByteArray =
        Signature.getInstance("SHA256withECDSA").run {
            initSign(pair(id).private)
            update(message)
            sign()
        }

    override suspend fun delete(id: String) {
        pairs.remove(id)
    }
}

/** Wraps with an AES key of the JVM. */
class JvmSecrets : SecretStore {
    private val key = KeyGenerator.getInstance("AES").apply { init(256) }.generateKey()

    override fun wrap(secret: ByteArray): ByteArray {
        val nonce = ByteArray(12).also { SecureRandom().nextBytes(it) }
        return nonce + cipher(Cipher.ENCRYPT_MODE, nonce).doFinal(secret)
    }

    override fun unwrap(wrapped: ByteArray): ByteArray =
        try {
            cipher(Cipher.DECRYPT_MODE, wrapped.copyOf(12)).doFinal(wrapped.copyOfRange(12, wrapped.size))
        } catch (wrong: java.security.GeneralSecurityException) {
            throw PortException.KeyInvalidated()
        }

    private var generation: ULong? = null

    override fun remember(generation: ULong) {
        this.generation = maxOf(generation, this.generation ?: 0u)
    }

    override fun recall() = generation

    private fun cipher(mode: Int, nonce: ByteArray) =
        Cipher.getInstance("AES/GCM/NoPadding").apply { init(mode, key, GCMParameterSpec(128, nonce)) }
}

class JvmClock : Clock {
    override fun wall() = System.currentTimeMillis()
    override fun sinceBootIncludingSleep() = System.nanoTime() / 1_000_000
    override fun bootId() = "this start"
}

/** Agrees, and remembers what it was asked. */
class AgreeingResident : ConsentPrompt {
    val asked = CopyOnWriteArrayList<ConsentRequest>()
    override suspend fun ask(request: ConsentRequest) = asked.add(request)
}

class QuietHost : ServiceHost {
    override suspend fun showPass(passId: String) = Unit
    override suspend fun showHandOver(shown: HandOverView) = Unit
    override suspend fun scan(): String? = null
    override suspend fun locate(): Position? = null
    override suspend fun pickPhoto(): Photo? = null
    override suspend fun share(shared: Shared) = false
    override suspend fun openBrowser(url: String) = false
    override suspend fun openService(link: String, data: String, fromService: ServiceId): String? = null
    override suspend fun finishService(service: ServiceId, result: String) = Unit
}

/** Remembers what changed. It is told a while after the change, on a thread of the core's. */
class Watcher : Observer {
    private val topics = LinkedBlockingQueue<Topic>()

    override fun changed(topic: Topic) {
        topics.add(topic)
    }

    /** Waits until a topic has changed. */
    fun heard(topic: Topic) {
        while (checkNotNull(topics.poll(20, TimeUnit.SECONDS)) { "$topic was not told" } != topic) Unit
    }
}

fun ports(
    secrets: SecretStore = JvmSecrets(),
    consent: ConsentPrompt = AgreeingResident(),
    observer: Observer = Watcher(),
) = Ports(JvmKeys(), secrets, JvmClock(), consent, QuietHost(), observer)

fun options(folder: java.nio.file.Path, languages: List<String> = listOf("en")): Options {
    val nations = listOf("cn", "vn").map { nation ->
        val url = "$world/registry/$nation"
        NationAnchor(nation, url, fetch("$url/metadata/1.root.json"))
    }
    return Options(folder.toString(), languages, nations, true, 0u)
}

fun fetch(url: String): ByteArray = URI(url).toURL().openStream().use { it.readAllBytes() }

/** Logs in as a persona without a page (OpenID Connect's prompt=none) and returns where the browser is sent. */
fun browse(url: String, persona: String): String {
    val connection = URI("$url&prompt=none&login_hint=$persona").toURL().openConnection() as HttpURLConnection
    connection.instanceFollowRedirects = false
    return connection.getHeaderField("location") ?: error("the provider answered ${connection.responseCode}")
}
