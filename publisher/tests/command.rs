//! `onecity` as a person types it: what it prints, and its exit code.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use qrcode::{Color, EcLevel, QrCode};
use serde_json::Value;
use tempfile::TempDir;

const NOW: &str = "1800000000";

/// What a gate's operator has: a trust list and a status list, here those of the published vectors.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let shared: Value = json(&kept("cq1/shared.json"));
        let list = serde_json::to_vec(&shared["trust_list"]).expect("JSON");
        std::fs::write(folder.path().join("trust.json"), list).expect("written");
        let token = hex::decode(shared["status_lists"]["current"].as_str().expect("hex")).expect("hex");
        std::fs::write(folder.path().join("status.cwt"), token).expect("written");
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A gate of Shandong with everything that it needs.
    fn gate(&self) -> Command {
        let mut command = onecity("gate");
        command.arg("--trust-list").arg(self.file("trust.json")).arg("--status").arg(self.file("status.cwt"));
        command.args(["--type", "1", "--scope", "37", "--number", "7", "--at", NOW]);
        command
    }
}

fn kept(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(name);
    std::fs::read_to_string(path).expect("kept with the sources")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// The first code of a vector.
fn code(file: &str, name: &str) -> String {
    let all = json(&kept(&format!("cq1/{file}.json")));
    let found = all["vectors"].as_array().expect("a list").iter().find(|vector| vector["name"] == name);
    found.expect("such a vector")["steps"][0]["code"].as_str().expect("a text").to_owned()
}

fn plain() -> String {
    code("valid", "a plain code, by a phone whose key has an odd y")
}

fn onecity(command: &str) -> Command {
    let mut onecity = Command::new(env!("CARGO_BIN_EXE_onecity"));
    onecity.arg(command);
    onecity
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    said(command.output().expect("it runs"))
}

fn said(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_gate_opens_for_a_valid_code_and_says_what_it_learnt() {
    let desk = Desk::new();
    let (exit, out, err) = run(desk.gate().arg(plain()));
    assert_eq!((exit, err.as_str()), (Some(0), ""));
    let expected = "argument: accepted type=1 scopes=37 fare=2 purpose=0 status=valid issuer=https://issuer.example\n";
    assert_eq!(out, expected);
}

#[test]
fn a_gate_reads_codes_line_by_line_and_remembers_them() {
    let desk = Desk::new();
    let revoked = code("status", "a revoked pass");
    let mut gate = desk.gate();
    gate.args(["--format", "json"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut gate = gate.spawn().expect("it runs");
    let mut input = gate.stdin.take().expect("piped");
    let long = "A".repeat(100_000);
    write!(input, "{}\r\n\n{}\nhello\n{long}\n{revoked}\n", plain(), plain()).expect("written");
    drop(input);
    let (exit, out, _) = said(gate.wait_with_output().expect("it ends"));
    assert_eq!(exit, Some(1), "not all were accepted");
    let lines: Vec<Value> = out.lines().map(json).collect();
    let decisions: Vec<&str> = lines.iter().map(|line| line["decision"].as_str().expect("a word")).collect();
    assert_eq!(decisions, ["accepted", "already_accepted", "refused", "refused", "refused"]);
    assert_eq!((&lines[0]["type"], &lines[0]["source"]), (&1.into(), &"line 1".into()));
    assert_eq!((&lines[2]["reason"], &lines[3]["reason"]), (&"prefix".into(), &"too_long".into()));
    assert_eq!(lines[4]["reason"], "revoked");
    assert!(lines[4]["detail"].as_str().expect("a sentence").contains("ask its issuer"));
}

#[test]
fn a_gate_reads_a_picture_and_says_when_there_is_no_code_in_it() {
    let desk = Desk::new();
    let draw = |name: &str, text: Option<&str>| {
        let path = desk.file(name);
        let code = text.map(|text| QrCode::with_error_correction_level(text, EcLevel::L).expect("short"));
        let image = image::GrayImage::from_fn(400, 400, |x, y| {
            let module = |at: u32| (at / 5).checked_sub(6);
            let dark = code.as_ref().zip(module(x)).zip(module(y)).is_some_and(|((code, x), y)| {
                let inside = (x as usize) < code.width() && (y as usize) < code.width();
                inside && code[(x as usize, y as usize)] == Color::Dark
            });
            image::Luma([if dark { 0 } else { 255 }])
        });
        image.save(&path).expect("saved");
        path
    };
    let (exit, out, _) = run(desk.gate().arg(draw("code.png", Some(&plain()))));
    assert_eq!(exit, Some(0), "{out}");
    assert!(out.contains("code.png: accepted"), "{out}");
    let (exit, out, _) = run(desk.gate().arg(draw("empty.jpg", None)));
    assert_eq!(exit, Some(1));
    assert!(out.contains("there is no QR code in the picture"), "{out}");
    std::fs::write(desk.file("notes.txt"), "no picture").expect("written");
    let (exit, _, err) = run(desk.gate().arg(desk.file("notes.txt")));
    assert_eq!(exit, Some(2));
    assert!(err.contains("notes.txt: not a picture"), "{err}");
}

#[test]
fn a_gate_without_a_status_list_says_that_nobody_is_found_to_be_revoked() {
    let desk = Desk::new();
    let mut gate = onecity("gate");
    gate.arg("--trust-list").arg(desk.file("trust.json")).args(["--at", NOW]).arg(plain());
    let (exit, out, err) = run(&mut gate);
    assert_eq!(exit, Some(0));
    assert!(out.contains("status=unchecked") && err.contains("revoked"), "{out}{err}");
    let (exit, _, err) = run(onecity("gate").arg("--trust-list").arg(desk.file("no.json")).arg("CQ1:"));
    assert_eq!(exit, Some(2));
    assert!(err.contains("no.json"), "{err}");
}

#[test]
fn a_barrier_with_a_challenge_shows_it_and_takes_only_codes_that_carry_it() {
    let desk = Desk::new();
    let moment = code("valid", "a code for this moment");
    let (exit, out, err) = run(desk.gate().args(["--challenge", "1234"]).arg(&moment).arg(plain()));
    assert_eq!(exit, Some(1));
    assert!(err.contains("shows CQ1A:5299989643271"), "{err}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].contains(": accepted") && lines[1].contains("refused reason=challenge_needed"), "{out}");
}

#[test]
fn inspect_explains_every_field_in_words() {
    let desk = Desk::new();
    let (exit, out, _) = run(onecity("inspect").arg(plain()).arg("--trust-list").arg(desk.file("trust.json")));
    assert_eq!(exit, Some(0), "{out}");
    for words in [
        "a CQ1 code of 38",
        "QR version 10 at level L",
        "2027-01-15 08:00:00 UTC",
        "any gate",
        "a plain passage",
        "Transit pass",
        "Shandong",
        "Adult",
        "index 0 of the list at https://issuer.example/status/3",
        "phone's signature      holds",
        "issuer's signature     holds",
    ] {
        assert!(out.contains(words), "{words} is missing in\n{out}");
    }
    let stolen = code("holder", "a credential copied to another phone");
    let (exit, out, _) = run(onecity("inspect").args(["--format", "json"]).arg(stolen));
    assert_eq!(exit, Some(1));
    let explained = json(&out);
    assert_eq!(explained["well"], false);
    assert_eq!(explained["fields"]["phone's_signature"]["value"], "does not hold");
    let (exit, out, _) = run(onecity("inspect").arg("CQ1:HELLO"));
    assert_eq!(exit, Some(1));
    assert!(out.starts_with("no CQ1 code: "), "{out}");
}

#[test]
fn inspect_checks_the_cose_messages_of_third_parties() {
    let desk = Desk::new();
    let all = json(&kept("cose/examples.json"));
    for example in all["examples"].as_array().expect("a list") {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let key = format!("04{}{}", text(&example["key"]["x"]), text(&example["key"]["y"]));
        std::fs::write(desk.file("key"), key).expect("written");
        std::fs::write(desk.file("message"), text(&example["cose"])).expect("written");
        let mut inspect = onecity("inspect");
        inspect.arg("--cose").arg(desk.file("message")).arg("--key").arg(desk.file("key"));
        let (exit, out, err) = run(inspect.args(["--external", &text(&example["external"])]));
        let holds = example["holds"].as_bool().expect("said");
        assert_eq!(exit == Some(0), holds, "{}: {out}{err}", example["title"]);
        assert!(!holds || out.contains("holds"), "{out}");
        assert!(holds || out.contains("does not hold") || err.contains("message: "), "{out}{err}");
    }
}

#[test]
fn keys_are_read_as_pem_and_as_a_json_web_key() {
    let desk = Desk::new();
    // The key of RFC 8392 A.3, which signed the last of the published messages.
    let all = json(&kept("cose/examples.json"));
    let example = all["examples"].as_array().expect("a list").last().expect("one").clone();
    std::fs::write(desk.file("message"), example["cose"].as_str().expect("hex")).expect("written");
    let jwk = r#"{"kty":"EC","crv":"P-256","x":"xPkWD8ImgpkcWcTZborMwto8x7epvBl8fB4bxtDB3GE","y":"_rEcpzsCihDPd9WKLf3yoR6rj_7uqu6wMJf_7p8-8vw"}"#;
    let pem = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExPkWD8ImgpkcWcTZborMwto8x7ep\nvBl8fB4bxtDB3GH+sRynOwKKEM931Yot/fKhHquP/u6q7rAwl//unz7y/A==\n-----END PUBLIC KEY-----\n";
    for key in [jwk, pem] {
        std::fs::write(desk.file("key"), key).expect("written");
        let mut inspect = onecity("inspect");
        let (exit, out, err) = run(inspect.arg("--cose").arg(desk.file("message")).arg("--key").arg(desk.file("key")));
        assert_eq!(exit, Some(0), "{out}{err}");
    }
}
