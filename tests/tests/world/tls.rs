//! HTTPS at the port of a server: with a certificate that was made, or one that was given.

use std::path::Path;
use std::time::Duration;

use mock_server::{ConnectionLimits, Rule, Server, Tls, What, Where, WorldError, WorldOptions, network_address};
use reqwest::{Certificate, Client, Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::kit::Tester;

/// A client that trusts this authority and no other.
fn trusting(authority: &str) -> Client {
    let authority = Certificate::from_pem(authority.as_bytes()).expect("a certificate");
    let client = Client::builder().tls_certs_only([authority]).redirect(reqwest::redirect::Policy::none());
    client.build().expect("a client")
}

fn at(server: &Server, host: &str, path: &str) -> String {
    format!("https://{host}:{}{path}", server.address().port())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_speaks_https_and_http_at_one_port_to_its_own_machine() {
    let tester = Tester::with(WorldOptions::default().tls(Tls::Own)).await;
    let (authority, fingerprint) = tester.server.authority().expect("an authority");
    let pem = tester.ask("/certificate.pem").await.expect("answered").text().await.expect("whole");
    assert_eq!(pem, authority);
    assert_eq!(fingerprint.split(':').filter(|pair| pair.len() == 2).count(), 32);
    let client = trusting(&authority);
    for host in ["localhost", "127.0.0.1"] {
        let health = client.get(at(&tester.server, host, "/health")).send().await.expect("answered");
        assert_eq!(health.status(), StatusCode::OK);
    }
    tester.http.get(at(&tester.server, "127.0.0.1", "/health")).send().await.expect_err("a stranger's authority");
    // Its own pages are of another origin there, and that is theirs.
    let control = |origin: &str| {
        let url = at(&tester.server, "127.0.0.1", "/worlds/default/presets/city-down");
        client.request(Method::PUT, url).header("onecity-admin", "1").header("origin", origin.to_owned())
    };
    let own = at(&tester.server, "127.0.0.1", "");
    assert!(control(&own).send().await.expect("answered").status().is_success());
    let plain = tester.world.web_origin();
    assert_eq!(control(plain).send().await.expect("answered").status(), StatusCode::FORBIDDEN);
    // What a client says of its own way counts for nothing.
    let says = tester.http.put(format!("{plain}/worlds/default/presets/city-down"));
    let says = says.header("onecity-admin", "1").header("onecity-secure", "1").header("origin", own);
    assert_eq!(says.send().await.expect("answered").status(), StatusCode::FORBIDDEN);
    let page = client.get(at(&tester.server, "127.0.0.1", "/phone")).send().await.expect("answered");
    let policy = page.headers()["content-security-policy"].to_str().expect("a policy").to_owned();
    assert!(policy.contains("frame-src 'self' https://127.0.0.1:*"), "{policy}");

    // A connection can be cut off within TLS, too.
    tester.world.faults.end_all();
    tester.world.faults.add(Rule::new(What::Reset).on(Where::path("/city/**"))).expect("a rule");
    client.get(at(&tester.server, "127.0.0.1", "/city/vn-hn")).send().await.expect_err("it is cut off");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_another_machine_a_server_with_a_certificate_speaks_https_alone() {
    // Where this machine is in no network, there is no other machine.
    let Some(address) = network_address() else { return };
    let mut options = WorldOptions::default().tls(Tls::Own);
    options.network = true;
    let tester = Tester::with(options).await;
    let (authority, _) = tester.server.authority().expect("an authority");
    let port = tester.server.address().port();
    let plain = tester.http.get(format!("http://{address}:{port}/city/vn-hn?a=b")).send().await.expect("answered");
    let place = plain.headers().get("location").and_then(|own| own.to_str().ok());
    assert_eq!(
        (plain.status(), place),
        (StatusCode::PERMANENT_REDIRECT, Some(&*format!("https://{address}:{port}/city/vn-hn?a=b")))
    );
    let secure =
        trusting(&authority).get(format!("https://{address}:{port}/city/vn-hn")).send().await.expect("answered");
    assert_eq!(secure.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_handshake_that_does_not_end() {
    let takes = Duration::from_millis(300);
    let connections = ConnectionLimits { head_takes: takes, most: 64, ..ConnectionLimits::default() };
    let tester = Tester::with(WorldOptions { connections, ..WorldOptions::default().tls(Tls::Own) }).await;
    let (authority, _) = tester.server.authority().expect("an authority");
    let client = trusting(&authority);
    let mut held = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(tester.server.address()).await.expect("connected");
        // Nothing, the first byte of a handshake, or the head of one that never comes.
        let begun: &[u8] = [&b""[..], &[22], &[22, 3, 1, 2, 0, 1, 0, 1]][number % 3];
        let _ = stream.write_all(begun).await;
        held.push(stream);
    }
    let health = client.get(at(&tester.server, "127.0.0.1", "/health")).send().await.expect("answered");
    assert_eq!(health.status(), StatusCode::OK);
    for stream in &mut held[297..] {
        let ended = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut [0; 16])).await;
        assert!(matches!(ended, Ok(Ok(0) | Err(_))), "it is ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_trusts_a_server_goes_on_with_the_next_on_its_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let first = Server::start(WorldOptions::default().tls(Tls::Own).state(&state)).await.expect("a world");
    let before = first.authority().expect("an authority");
    first.stop().await;
    let second = Server::start(WorldOptions::default().tls(Tls::Own).state(&state)).await.expect("a world");
    assert_eq!(second.authority().expect("an authority"), before);
    let health = trusting(&before.0).get(at(&second, "localhost", "/health")).send().await.expect("answered");
    assert_eq!(health.status(), StatusCode::OK);
    let other = Server::start(WorldOptions::default().tls(Tls::Own)).await.expect("a world");
    assert_ne!(other.authority().expect("an authority"), before, "each has its own");
}

/// A certificate and a key that somebody has made.
fn given(folder: &Path) -> Tls {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let write = |name: &str, label: &str, bytes: &[u8]| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        let path = folder.join(name);
        std::fs::write(&path, format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")).expect("written");
        path
    };
    Tls::Files {
        certificate: write("own.pem", "CERTIFICATE", certificate.der()),
        key: write("key.pem", "PRIVATE KEY", &key.serialize_der()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_given_is_shown_and_one_that_can_t_be_used_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let tls = given(folder.path());
    let server = Server::start(WorldOptions::default().tls(tls.clone())).await.expect("a world");
    let (own, _) = server.authority().expect("its own");
    let health = trusting(&own).get(at(&server, "localhost", "/health")).send().await.expect("answered");
    assert_eq!(health.status(), StatusCode::OK);
    let Tls::Files { certificate, key } = tls else { panic!("files") };
    std::fs::write(folder.path().join("letter.pem"), "Dear Sir or Madam").expect("written");
    let path = |name: &str| folder.path().join(name);
    let other = rcgen::KeyPair::generate().expect("a key").serialize_der();
    let mut wrong_key = String::from("-----BEGIN PRIVATE KEY-----\n");
    {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode_string(other, &mut wrong_key);
    }
    wrong_key.push_str("\n-----END PRIVATE KEY-----\n");
    std::fs::write(path("other-key.pem"), wrong_key).expect("written");
    for (certificate, key, why) in [
        (path("none.pem"), key.clone(), "none.pem"),
        (path("letter.pem"), key.clone(), "no certificate"),
        (certificate.clone(), path("letter.pem"), "letter.pem"),
        (certificate.clone(), path("other-key.pem"), "can't be used"),
    ] {
        let refused = Server::start(WorldOptions::default().tls(Tls::Files { certificate, key })).await;
        let Err(refused) = refused else { panic!("{why}: it is refused") };
        assert!(matches!(refused, WorldError::Tls(_)) && refused.to_string().contains(why), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_origins_use_the_controls_and_no_others() {
    let tester = Tester::with(WorldOptions::default().allow_origin("http://localhost:3000")).await;
    let url = format!("{}/worlds/default/presets/city-down", tester.world.web_origin());
    let question = async |origin: &str| {
        let asked = tester.http.request(Method::OPTIONS, &url).header("origin", origin.to_owned());
        let asked = asked.header("access-control-request-method", "PUT");
        let asked = asked.header("access-control-request-headers", "onecity-admin");
        let answer = asked.send().await.expect("answered");
        let allowed = answer.headers().get("access-control-allow-origin").and_then(|own| own.to_str().ok());
        allowed.map(str::to_owned)
    };
    assert_eq!(question("http://localhost:3000").await.as_deref(), Some("http://localhost:3000"));
    assert_eq!(question("http://localhost:3001").await, None);
    assert_eq!(question("http://localhost:3000.evil.example").await, None);
    let put = async |origin: &str, headers: &[&str]| {
        let mut call = tester.http.put(&url).header("origin", origin.to_owned());
        for name in headers {
            call = call.header(*name, "1");
        }
        call.send().await.expect("answered").status()
    };
    assert!(put("http://localhost:3000", &["onecity-admin"]).await.is_success());
    assert_eq!(put("http://localhost:3000", &[]).await, StatusCode::FORBIDDEN, "the header is wanted all the same");
    assert_eq!(put("https://evil.example", &["onecity-admin"]).await, StatusCode::FORBIDDEN);
    // What is no control is nobody's business.
    let city =
        tester.http.get(format!("{}/city/vn-hn", tester.world.origin())).header("origin", "http://localhost:3000");
    assert!(city.send().await.expect("answered").headers().get("access-control-allow-origin").is_none());
    for wrong in ["localhost:3000", "http://localhost:3000/", "*", "null", "http://"] {
        let refused = Server::start(WorldOptions::default().allow_origin(wrong)).await;
        let Err(refused) = refused else { panic!("{wrong} is refused") };
        assert!(refused.to_string().contains(wrong), "{refused}");
    }
}
