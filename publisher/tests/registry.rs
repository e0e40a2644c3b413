//! A registry in a folder as the people of a city run it: two of them at once, on a full disk, with a wrong clock.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onecity_publisher::{
    Folder, Holders, KeyRing, Lifetimes, Overlay, PublicKey, Repository, SigningKey, Template, pack,
};
use tempfile::TempDir;

const PASSPHRASE: &str = "correct horse battery";

/// A desk with the registry of a province that delegates to one city, whose key is `jinan.pem`.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn new() -> Self {
        let desk = Self::empty();
        desk.shell("onecity repo init registry --region cn-sd --keys keys");
        desk.shell("onecity key new jinan.pem && onecity key public jinan.pem > jinan.pub.pem");
        desk.shell("onecity repo delegate registry cn-sd/jinan jinan.pub.pem --key keys/targets.pem");
        desk.shell(TIMESTAMP);
        desk
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_onecity")).parent().expect("a folder");
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 2>&1; {line}")]).current_dir(self.folder.path()).env("PATH", path);
        shell.env("ONECITY_PASSPHRASE", PASSPHRASE).env("NO_COLOR", "1").stdin(Stdio::null());
        shell
    }

    /// Whether a line goes well, and what a terminal shows of it.
    fn tries(&self, line: &str) -> (bool, String) {
        let output = self.command(line).output().expect("a shell");
        (output.status.success(), String::from_utf8(output.stdout).expect("text"))
    }

    fn shell(&self, line: &str) -> String {
        let (good, shown) = self.tries(line);
        assert!(good, "$ {line}\n{shown}");
        shown
    }

    fn refused(&self, line: &str) -> String {
        let (good, shown) = self.tries(line);
        assert!(!good, "$ {line}\n{shown}");
        assert!(!shown.contains("panicked"), "$ {line}\n{shown}");
        shown
    }

    /// Both lines at once; whether each went well.
    fn at_once(&self, lines: [&str; 2]) -> [bool; 2] {
        let children = lines.map(|line| self.command(line).stdout(Stdio::null()).spawn().expect("a shell"));
        children.map(|mut child| child.wait().expect("it ends").success())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.file(name).parent().expect("a folder")).expect("made");
        std::fs::write(self.file(name), bytes).expect("written");
    }

    /// A package of a service.
    fn package(&self, name: &str) {
        self.write(&format!("{name}.ma"), packed(name));
    }
}

const TIMESTAMP: &str = "onecity repo timestamp registry --key keys/snapshot.pem --key keys/timestamp.pem";
const REPAIR: &str = "onecity repo repair registry --key keys/snapshot.pem --key keys/timestamp.pem";

fn packed(name: &str) -> Vec<u8> {
    pack(&Template::Pages.files(name, None).expect("a template")).expect("packed")
}

#[test]
fn two_who_publish_at_once_both_publish_or_are_told() {
    let desk = Desk::new();
    for round in 0..4 {
        let names = [format!("left{round}"), format!("right{round}")];
        names.iter().for_each(|name| desk.package(name));
        let lines = names
            .each_ref()
            .map(|name| format!("onecity publish {name}.ma --to registry --unit cn-sd/jinan --key jinan.pem"));
        assert_eq!(desk.at_once([&lines[0], &lines[1]]), [true, true]);
        assert_eq!(desk.at_once([TIMESTAMP, TIMESTAMP]), [true, true]);
    }
    let status = desk.shell("onecity repo status registry");
    let city: Vec<&str> =
        status.lines().find(|line| line.starts_with("cn-sd.jinan")).expect("its role").split_whitespace().collect();
    assert_eq!(city[..3], ["cn-sd.jinan", "8", "8"], "eight versions, eight services: {status}");
    assert!(desk.shell(REPAIR).contains("fit together"), "nothing needs to be repaired");
}

#[test]
fn a_registry_of_halves_is_refused_by_name_and_repaired_with_no_number_going_back() {
    let desk = Desk::new();
    desk.package("hours");
    desk.shell("onecity publish hours.ma --to registry --unit cn-sd/jinan --key jinan.pem");
    let before = std::fs::read(desk.file("registry/metadata/timestamp.json")).expect("a timestamp");
    desk.shell(TIMESTAMP);
    let whole = std::fs::read(desk.file("registry/metadata/timestamp.json")).expect("a timestamp");
    let mut newest = 3;
    // What two writers that did not wait for each other, a copy that broke off, or a full disk leave behind.
    for (what, timestamp, lost) in [
        ("another writer's snapshot", &before[..], None),
        ("half a timestamp", &whole[..whole.len() / 2], None),
        ("no bytes at all", &[][..], None),
        ("a snapshot that is lost", &whole[..], Some("snapshot")),
    ] {
        let there = std::fs::read_to_string(desk.file("registry/metadata/timestamp.json")).expect("a timestamp");
        if let Some(role) = lost {
            std::fs::write(desk.file("registry/metadata/timestamp.json"), &there).expect("written");
            std::fs::remove_file(desk.file(&format!("registry/metadata/{newest}.{role}.json"))).expect("it was there");
        } else if what == "another writer's snapshot" {
            // The timestamp is signed, and its snapshot is another one.
            std::fs::copy(
                desk.file("registry/metadata/1.snapshot.json"),
                desk.file(&format!("registry/metadata/{newest}.snapshot.json")),
            )
            .expect("copied");
        } else {
            desk.write("registry/metadata/timestamp.json", timestamp);
        }
        let refused = desk.refused(TIMESTAMP);
        assert!(refused.contains("onecity repo repair"), "{what}: {refused}");
        let repaired = desk.shell(REPAIR);
        newest += 1;
        assert!(repaired.contains(&format!("signed snapshot {newest}")), "{what}: {repaired}");
        assert!(desk.shell("onecity repo status registry").contains("cn-sd.jinan "), "{what}");
        desk.shell(TIMESTAMP);
        newest += 1;
    }
    // A role that nobody may have signed stands where the city's next one belongs.
    let city = std::fs::read_to_string(desk.file("registry/metadata/1.cn-sd.jinan.json")).expect("a role");
    desk.write("registry/metadata/2.cn-sd.jinan.json", city.replace("\"version\":1", "\"version\":2"));
    let repaired = desk.shell(REPAIR);
    assert!(repaired.contains("2.cn-sd.jinan.json: signed by nobody who may; moved to registry/removed"), "{repaired}");
    desk.package("more");
    desk.shell("onecity publish more.ma --to registry --unit cn-sd/jinan --key jinan.pem");
    // A package that is lost can only be named.
    let packages = std::fs::read_dir(desk.file("registry/targets/cn-sd/jinan/hours")).expect("a folder");
    packages.for_each(|package| std::fs::remove_file(package.expect("an entry").path()).expect("removed"));
    let missing = desk.refused(REPAIR);
    assert!(missing.contains("targets/cn-sd/jinan/hours/") && missing.contains("publishes it again"), "{missing}");
}

/// A registry of a province, in the folder `registry`, made and signed as of a time; its keys are kept under their names.
fn made_at(desk: &Desk, now: i64, lifetimes: &Lifetimes) {
    let mut ring = KeyRing::default();
    let mut key = |name: &str| -> PublicKey {
        let key = SigningKey::generate().expect("a key");
        desk.write(&format!("keys/{name}.pem"), key.to_encrypted_pem(PASSPHRASE).expect("a file").as_bytes());
        let public = key.public().clone();
        ring.add(key);
        public
    };
    let holders = Holders {
        root: vec![key("root")],
        root_threshold: 1,
        targets: key("targets"),
        snapshot: key("snapshot"),
        timestamp: key("timestamp"),
    };
    let city = key("jinan");
    let folder = Folder::to_write(desk.file("registry"), || ()).expect("a folder");
    let mut repository =
        Repository::create("cn-sd".parse().expect("an id"), folder, &holders, &ring, now, lifetimes).expect("created");
    let unit = "cn-sd/jinan".parse().expect("a unit");
    repository.delegate(&unit, &[city], 1).expect("delegated");
    repository.publish(&unit, packed("hours"), 100).expect("published");
    repository.sign(&ring, now, lifetimes).expect("signed");
}

fn today() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("a time")
}

const DAY: i64 = 86_400;

#[test]
fn a_clock_that_can_not_be_right_signs_nothing_unless_it_is_said_to_be_right() {
    // The registry was signed in what this machine takes for the future, or has long ended by it.
    for made in [today() + 300 * DAY, today() - 400 * DAY] {
        let desk = Desk::empty();
        made_at(&desk, made, &Lifetimes::default());
        desk.package("more");
        let publish = "onecity publish more.ma --to registry --unit cn-sd/jinan --key keys/jinan.pem";
        for line in [publish, "onecity repo timestamp registry --key keys/snapshot.pem --key keys/timestamp.pem"] {
            let refused = desk.refused(line);
            assert!(refused.contains("--clock-is-right") && refused.contains("clock"), "{refused}");
        }
        assert!(!desk.file("registry/metadata/2.cn-sd.jinan.json").exists(), "nothing was published");
    }
    // One that stood still for a long time is signed again by who knows the date.
    let desk = Desk::empty();
    made_at(&desk, today() - 400 * DAY, &Lifetimes::default());
    desk.package("more");
    desk.shell("onecity publish more.ma --to registry --unit cn-sd/jinan --key keys/jinan.pem --clock-is-right");
    desk.shell("onecity repo timestamp registry --key keys/snapshot.pem --key keys/timestamp.pem --clock-is-right");
    assert!(desk.file("registry/metadata/2.cn-sd.jinan.json").exists());
}

#[test]
fn what_was_signed_with_a_wrong_clock_is_not_taken_in() {
    let desk = Desk::empty();
    made_at(&desk, today(), &Lifetimes::default());
    desk.package("more");
    let key = SigningKey::from_encrypted_pem(
        &std::fs::read_to_string(desk.file("keys/jinan.pem")).expect("a key"),
        PASSPHRASE,
    );
    let ring = KeyRing::new([key.expect("a key")]);
    for (name, wrong) in [("ended", today() - 200 * DAY), ("ahead", today() + 600 * DAY), ("soon", today() + 2 * DAY)] {
        let mut draft = Repository::open(Overlay::new(Folder::new(desk.file("registry")))).expect("opened");
        draft.publish(&"cn-sd/jinan".parse().expect("a unit"), packed("more"), 100).expect("published");
        draft.sign(&ring, wrong, &Lifetimes::default()).expect("signed by who does not look");
        for (path, bytes) in draft.into_storage().into_fresh() {
            desk.write(&format!("{name}/{path}"), bytes);
        }
        let refused = desk.refused(&format!("onecity publish {name} --to registry"));
        assert!(refused.contains("set the clock where it is signed"), "{name}: {refused}");
    }
}

#[test]
fn a_unit_whose_role_has_ended_signs_the_next_one() {
    let desk = Desk::empty();
    let short = Lifetimes { targets: DAY, ..Lifetimes::default() };
    made_at(&desk, today() - 3 * DAY, &short);
    let status = desk.refused("onecity repo status registry");
    assert!(status.contains("ended") || status.contains("expired"), "{status}");
    desk.package("more");
    desk.shell("onecity publish more.ma --to registry --unit cn-sd/jinan --key keys/jinan.pem");
    let mut opened = Repository::open(Folder::new(desk.file("registry"))).expect("opened");
    let releases = opened.releases(&"cn-sd/jinan".parse().expect("a unit")).expect("its releases");
    assert_eq!(releases.len(), 2);
    assert!(
        opened
            .status(today())
            .expect("a status")
            .iter()
            .any(|role| role.role == "cn-sd.jinan" && role.trouble.is_none())
    );
}

#[test]
fn a_nation_lists_its_provinces_and_files_that_phones_can_read() {
    let desk = Desk::new();
    desk.shell("onecity repo init nation --region cn --keys nation-keys");
    let add = |path: &str, file: &str, more: &str| {
        format!("onecity repo add nation {path} {file} {more} --key nation-keys/targets.pem")
    };
    let root = "registry/metadata/1.root.json";
    desk.shell(&add("cn/cn-sd/root.json", root, "--url https://registry.example/cn-sd"));
    let listed: serde_json::Value =
        serde_json::from_slice(&std::fs::read(desk.file("nation/metadata/2.targets.json")).expect("a role"))
            .expect("JSON");
    assert_eq!(
        listed["signed"]["targets"]["cn/cn-sd/root.json"]["custom"],
        serde_json::json!({ "region": "cn-sd", "url": "https://registry.example/cn-sd" })
    );
    desk.write("bad.json", r#"[{"id":"here","issuer":"ftp://x"}]"#);
    desk.write("bom.json", "\u{FEFF}[]");
    for (path, file, more, why) in [
        ("cn/cn-sd/root.json", root, "", "--url"),
        ("cn/cn-sd/root.json", root, "--url http://registry.example/cn-sd", "https://"),
        ("cn/cn-sd/root.json", "registry/metadata/timestamp.json", "--url https://r.example", ""),
        ("cn/vn-hn/root.json", root, "--url https://r.example", "no file of this registry"),
        ("cn/cn-sd/jinan/root.json", root, "--url https://r.example", "no file of this registry"),
        ("cn/providers.json", "bad.json", "", "bad.json"),
        ("cn/providers.json", "bom.json", "", "byte order mark"),
        ("cn/regions.json", "bom.json", "", "byte order mark"),
    ] {
        let refused = desk.refused(&add(path, file, more));
        assert!(refused.contains(why), "{path} {file} {more}: {refused}");
    }
}

#[test]
fn what_is_announced_can_be_read_by_phones_and_is_taken_back() {
    let desk = Desk::new();
    let announce = |more: &str| format!("onecity repo announce registry {more} --key keys/targets.pem");
    let newest = |version: u64| {
        let file = std::fs::read(desk.file(&format!("registry/metadata/{version}.targets.json"))).expect("a role");
        let role: serde_json::Value = serde_json::from_slice(&file).expect("JSON");
        let target = &role["signed"]["targets"]["cn-sd/announcement.json"];
        let hash = target["hashes"]["sha256"].as_str()?;
        let file =
            std::fs::read(desk.file(&format!("registry/targets/cn-sd/{hash}.announcement.json"))).expect("a file");
        Some(serde_json::from_slice::<serde_json::Value>(&file).expect("JSON"))
    };
    let shown = desk.shell(&announce("--outage zh=系统升级 --outage en=Maintenance --until 2027-03-01T06:00+08:00"));
    assert!(shown.contains("announced to all residents of cn-sd") && shown.contains("signed targets 3"), "{shown}");
    let outage = serde_json::json!({ "reason": { "zh": "系统升级", "en": "Maintenance" }, "until": 1_803_852_000 });
    assert_eq!(newest(3), Some(serde_json::json!({ "outage": outage })));
    let shown = desk.shell(&announce("--platform 2 --update en=Unsafe"));
    assert!(shown.contains("an outage, and that the app must be updated"), "{shown}");
    let update = serde_json::json!({ "platform": 2, "reason": { "en": "Unsafe" } });
    assert_eq!(newest(4), Some(serde_json::json!({ "outage": outage, "update": update })));
    assert!(desk.shell(&announce("--over")).contains("nothing is announced any more"));
    assert_eq!(newest(5), None);
    assert!(desk.shell(&announce("--over")).contains("nothing was announced"));
    let long = format!("--outage en={}", "x".repeat(301));
    for (more, why) in [
        ("", "required"),
        ("--until 2027-03-01T06:00Z", "--outage"),
        ("--outage en=x --until tomorrow", "tomorrow"),
        ("--outage en=x --until 3001-01-01T00:00Z", "3000"),
        ("--outage Maintenance", "LANGUAGE=TEXT"),
        ("--outage 'en= '", "language tag"),
        (&long, "300 characters"),
        ("--update en=x", "--platform"),
        ("--platform 2", "--update"),
        ("--platform 0 --update en=x", "0"),
        ("--over --outage en=x", "cannot be used"),
    ] {
        let refused = desk.refused(&announce(more));
        assert!(refused.contains(why), "{more}: {refused}");
    }
    desk.write("bad.json", r#"{"outage":{"reason":{}}}"#);
    let refused = desk.refused("onecity repo add registry cn-sd/announcement.json bad.json --key keys/targets.pem");
    assert!(refused.contains("the announcement"), "{refused}");
}

#[test]
fn a_package_is_what_was_checked_whatever_an_editor_saves_meanwhile() {
    let desk = Desk::empty();
    desk.shell("onecity new report --template pages");
    let (page, stop) = (desk.file("report/app.js"), Arc::new(AtomicBool::new(false)));
    let stopped = Arc::clone(&stop);
    let editor = std::thread::spawn(move || {
        let mut at = 0;
        while !stopped.load(Ordering::Relaxed) {
            at += 1;
            std::fs::write(&page, format!("// {}\n", "x".repeat(at % 4000))).expect("saved");
        }
    });
    for _ in 0..15 {
        desk.shell("onecity pack report --out report.ma && onecity check report.ma");
    }
    stop.store(true, Ordering::Relaxed);
    editor.join().expect("the editor");
}

#[test]
fn packing_waits_for_no_pipe_never_packs_its_own_output_and_writes_all_or_nothing() {
    let desk = Desk::empty();
    desk.shell("onecity new report --template pages && mkfifo report/pipe");
    for command in ["onecity pack report", "onecity check report"] {
        assert!(desk.refused(command).contains("pipe"), "{command}");
    }
    desk.shell("rm report/pipe && mkfifo pipe && ln -s pipe link.ma");
    for file in ["pipe", "link.ma"] {
        assert!(desk.refused(&format!("onecity check {file}")).contains("no plain file"), "{file}");
    }
    let first = desk.shell("cd report && onecity pack .");
    assert_eq!(desk.shell("cd report && onecity pack ."), first, "the same folder gives the same package");
    assert!(desk.refused("onecity pack report --out report/inside.ma").contains("inside the folder"));
    // A full disk, as a limit of the size of files shows it.
    desk.write("report/common/noise.json", format!("\"{}\"", noise(200_000)));
    let full = desk.refused("trap '' XFSZ; ulimit -f 64; onecity pack report --out big.ma");
    assert!(full.contains("big.ma"), "{full}");
    let left: Vec<_> =
        std::fs::read_dir(desk.folder.path()).expect("a folder").map(|entry| entry.expect("one").file_name()).collect();
    assert!(!left.iter().any(|name| name == "big.ma" || name.to_string_lossy().starts_with('.')), "{left:?}");
}

/// Letters and digits that can't be packed closer than they are.
fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let letter = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[(state >> 58) as usize])
    };
    (0..length).map(letter).collect()
}

#[test]
fn files_that_an_editor_or_another_tool_saved_are_named_for_what_they_are() {
    let desk = Desk::new();
    desk.package("hours");
    let key = std::fs::read_to_string(desk.file("jinan.pem")).expect("a key");
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(key.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    desk.write("bom.pem", format!("\u{FEFF}{key}"));
    desk.write("crlf.pem", key.replace('\n', "\r\n"));
    desk.write("utf16.pem", utf16);
    desk.write("cut.pem", &key[..key.len() / 2]);
    desk.write("notes.pem", "the key is in the other drawer");
    desk.write("p384.pem", include_str!("keys/p384.pem"));
    desk.write("p384.pub.pem", include_str!("keys/p384.pub.pem"));
    let publish = |key: &str| format!("onecity publish hours.ma --to registry --unit cn-sd/jinan --key {key}");
    for (file, why) in [
        ("utf16.pem", "save it as UTF-8"),
        ("cut.pem", "cut short"),
        ("notes.pem", "no PEM"),
        ("jinan.pub.pem", "no encrypted private key"),
        ("p384.pem", "P-384"),
    ] {
        let refused = desk.refused(&publish(file));
        assert!(refused.contains(why) && refused.contains(file), "{file}: {refused}");
    }
    assert!(
        desk.refused(&format!("ONECITY_PASSPHRASE='another one' {}", publish("jinan.pem")))
            .contains("passphrase is wrong")
    );
    let delegate = |key: &str| format!("onecity repo delegate registry cn-sd/qingdao {key} --key keys/targets.pem");
    for (file, why) in [("p384.pub.pem", "P-384"), ("jinan.pem", "onecity key public")] {
        let refused = desk.refused(&delegate(file));
        assert!(refused.contains(why), "{file}: {refused}");
    }
    desk.shell(&publish("bom.pem"));
    desk.package("more");
    desk.shell("onecity publish more.ma --to registry --unit cn-sd/jinan --key crlf.pem");
    // A manifest with a byte order mark says so.
    desk.shell("onecity new report --template pages");
    let manifest = std::fs::read_to_string(desk.file("report/manifest.json")).expect("a manifest");
    desk.write("report/manifest.json", format!("\u{FEFF}{manifest}"));
    let refused = desk.refused("onecity check report");
    assert!(refused.contains("byte order mark"), "{refused}");
}
