use super::*;
use onecity_protocol::limits::UNIT_DELEGATIONS;
use onecity_protocol::names::Names;
use onecity_protocol::trust::{TrustError, TrustedRepository};

const NOW: UnixTime = 1_800_000_000;

fn package(code: u64) -> Vec<u8> {
    let manifest = json!({
        "app_id": "report", "name": "Report", "icons": [{ "src": "icon.svg" }], "pages": ["index"],
        "platform_version": { "min_code": 1 }, "version": { "code": code, "name": code.to_string() },
        "onecity": { "category": "report" },
    });
    let file = |path: &str, text: String| (path.to_owned(), text.into_bytes());
    let files = [
        file("manifest.json", manifest.to_string()),
        file("app.js", String::new()),
        file("app.css", String::new()),
        file("icon.svg", "<svg/>".to_owned()),
        file("index.html", "<p>".to_owned()),
    ];
    let first = crate::pack(&BTreeMap::from(files.clone())).expect("packed");
    assert_eq!(first, crate::pack(&BTreeMap::from(files)).expect("packed"), "the same input gives the same bytes");
    first
}

fn unit(text: &str) -> UnitId {
    text.parse().expect("a unit")
}

/// A province with a city and the city's department, with all keys.
struct Province {
    ring: KeyRing,
    holders: Holders,
    city: PublicKey,
    repository: Repository<RepositoryFiles>,
}

impl Province {
    fn new() -> Self {
        let mut ring = KeyRing::default();
        let mut key = || ring.generate().expect("a key");
        let holders = Holders {
            root: (0..5).map(|_| key()).collect(),
            root_threshold: 3,
            targets: key(),
            snapshot: key(),
            timestamp: key(),
        };
        let (city, department) = (key(), key());
        let id = "cn-sd".parse().expect("an id");
        let files = RepositoryFiles::new();
        let mut repository =
            Repository::create(id, files, &holders, &ring, NOW, &Lifetimes::default()).expect("created");
        repository.delegate(&unit("cn-sd/jinan"), std::slice::from_ref(&city), 1).expect("a city of the province");
        repository.delegate(&unit("cn-sd/jinan/~transport"), &[department], 1).expect("a department of the city");
        repository.publish(&unit("cn-sd/jinan"), package(1), 100).expect("published");
        let mut province = Self { ring, holders, city, repository };
        province.sign(NOW);
        province
    }

    fn sign(&mut self, now: UnixTime) -> RepositoryFiles {
        self.repository.sign(&self.ring, now, &Lifetimes::default()).expect("signed");
        self.repository.storage().clone()
    }

    fn files(&self) -> &RepositoryFiles {
        self.repository.storage()
    }
}

fn phone(files: &RepositoryFiles, now: UnixTime) -> Result<TrustedRepository, TrustError> {
    let mut phone = TrustedRepository::from_root(&files["metadata/1.root.json"])?;
    update(&mut phone, files, now)?;
    Ok(phone)
}

fn update(phone: &mut TrustedRepository, files: &RepositoryFiles, now: UnixTime) -> Result<(), TrustError> {
    while let Some(root) = files.get(&format!("metadata/{}.root.json", phone.root_version() + 1)) {
        phone.update_root(root)?;
    }
    phone.update_timestamp(&files["metadata/timestamp.json"], now)?;
    let snapshot = phone.wanted_snapshot().expect("named");
    phone.update_snapshot(&files[&format!("metadata/{snapshot}.snapshot.json")], now)?;
    let file = |phone: &TrustedRepository, role: &str| {
        let version = phone.wanted_role(role).expect("named");
        Arc::clone(&files[&format!("metadata/{version}.{role}.json")])
    };
    let targets = file(phone, "targets");
    phone.update_targets(&targets, now)?;
    for (role, parent) in [("cn-sd.jinan", "targets"), ("cn-sd.jinan.~transport", "cn-sd.jinan")] {
        if phone.delegates(parent).any(|delegated| delegated == role) && phone.wanted_role(role).is_some() {
            let bytes = file(phone, role);
            phone.update_role(role, parent, &bytes, now)?;
        }
    }
    Ok(())
}

#[test]
fn a_phone_trusts_what_a_city_and_its_department_published_under_their_own_keys() {
    let mut province = Province::new();
    province.repository.publish(&unit("cn-sd/jinan/~transport"), package(7), 100).expect("published");
    let files = province.sign(NOW + 1);
    let phone = phone(&files, NOW + 2).expect("trusted");
    for (role, version) in [("cn-sd.jinan", 1), ("cn-sd.jinan.~transport", 7)] {
        let targets = phone.role_targets(role).expect("listed");
        let release = Release::from_target(role, targets[0].clone()).expect("a release");
        assert_eq!((release.app_id.as_str(), release.version_code), ("report", version));
        let bytes = &files[&format!("targets/{}", release.target.file_name())];
        release.target.check(bytes).expect("the file that was signed");
        assert!(release.target.check(&bytes[1..]).is_err());
        let icon = release.entry.icon.expect("an icon");
        assert!(icon.is(&files[&format!("targets/{}", icon.path(&release.unit))]));
    }
}

#[test]
fn an_older_and_an_expired_registry_are_refused_by_name() {
    let mut province = Province::new();
    let old = province.files().clone();
    province.repository.publish(&unit("cn-sd/jinan"), package(2), 100).expect("published");
    let new = province.sign(NOW + 10);
    let mut trusting = phone(&new, NOW + 11).expect("trusted");
    let refused = trusting.update_timestamp(&old["metadata/timestamp.json"], NOW + 12).expect_err("older");
    assert!(matches!(refused, TrustError::Rollback { trusted: 2, offered: 1, .. }), "{refused}");
    let refused = phone(&new, NOW + 31 * DAY).expect_err("expired");
    assert!(matches!(&refused, TrustError::Expired { role, .. } if role == "timestamp"), "{refused}");
}

#[test]
fn one_city_can_not_publish_for_another() {
    let mut province = Province::new();
    let refused = province.repository.publish(&unit("cn-sd/qingdao"), package(1), 100).expect_err("no role");
    assert!(matches!(refused, PublishError::NotDelegated(_)));
    assert!(province.repository.delegate(&unit("vn-hn/ba-dinh"), &[province.city.clone()], 1).is_err());
    // Even with its key in hand: Jinan's role lists a path of Qingdao, and the phone passes it over.
    province.repository.list("cn-sd.jinan", "cn-sd/qingdao/report/1.ma", package(1).into(), None).expect("listed");
    let files = province.sign(NOW);
    let listed = phone(&files, NOW).expect("trusted").role_targets("cn-sd.jinan").expect("listed");
    assert!(listed.iter().all(|target| target.path.starts_with("cn-sd/jinan/")));
}

#[test]
fn files_are_written_once_but_for_the_timestamp() {
    let mut province = Province::new();
    let before = province.files().clone();
    province.repository.publish(&unit("cn-sd/jinan"), package(2), 100).expect("published");
    let after = province.sign(NOW + 10);
    for (path, bytes) in &before {
        assert!(path == "metadata/timestamp.json" || after.get(path) == Some(bytes), "{path}");
    }
}

#[test]
fn a_city_signs_alone_and_is_published_when_the_snapshot_takes_it_in() {
    let mut province = Province::new();
    let city = KeyRing::new([SigningKeyOf(&province).city()]);
    let mut apart = Repository::open(Overlay::new(province.files().clone())).expect("opened");
    apart.publish(&unit("cn-sd/jinan"), package(2), 10).expect("published");
    assert_eq!(apart.sign(&city, NOW + 5, &Lifetimes::default()).expect("signed"), [("cn-sd.jinan".to_owned(), 2)]);
    let bundle = apart.into_storage().into_fresh();
    assert_eq!(bundle.len(), 3, "the role, the package and the icon: {:?}", bundle.keys());
    let role = &bundle["metadata/2.cn-sd.jinan.json"];
    let wanted = province.repository.wanted("cn-sd.jinan", role).expect("read");
    assert_eq!(wanted.len(), 1, "the icon is there already");
    assert!(is_wanted_file(&wanted[0].0, wanted[0].1.as_ref(), &bundle[&wanted[0].0]));
    assert!(!is_wanted_file(&wanted[0].0, wanted[0].1.as_ref(), b"something else"));
    province.repository.storage.extend(bundle.clone());
    assert_eq!(province.repository.accept("cn-sd.jinan", role, NOW + 1).expect("accepted"), 2);
    assert!(province.repository.accept("cn-sd.jinan", role, NOW + 1).is_err(), "once");
    let files = province.sign(NOW + 6);
    assert_eq!(phone(&files, NOW + 7).expect("trusted").wanted_role("cn-sd.jinan"), Some(2));
}

struct SigningKeyOf<'a>(&'a Province);

impl SigningKeyOf<'_> {
    /// The city's key alone, as the city holds it.
    fn city(&self) -> crate::SigningKey {
        let ids = [self.0.city.id().to_owned()];
        let key = self.0.ring.among(&ids).next().expect("there");
        let pem = key.to_encrypted_pem("correct horse").expect("encrypted");
        crate::SigningKey::from_encrypted_pem(&pem, "correct horse").expect("decrypted")
    }
}

#[test]
fn what_a_stranger_put_on_the_server_is_passed_over_and_said() {
    let mut province = Province::new();
    let mut stranger = Province::new();
    stranger.repository.publish(&unit("cn-sd/jinan"), package(9), 100).expect("published");
    let forged = stranger.sign(NOW)["metadata/2.cn-sd.jinan.json"].clone();
    let mut files = province.files().clone();
    files.insert("metadata/2.cn-sd.jinan.json".to_owned(), forged);
    let mut opened = Repository::open(files).expect("opened");
    let status = opened.status(NOW).expect("read");
    let jinan = status.iter().find(|status| status.role == "cn-sd.jinan").expect("listed");
    assert_eq!(jinan.version, 1);
    assert!(jinan.trouble.as_ref().is_some_and(|trouble| trouble.contains("version 2")));
    opened.sign(&province.ring, NOW + 1, &Lifetimes::default()).expect("signed");
    assert_eq!(phone(opened.storage(), NOW + 2).expect("trusted").wanted_role("cn-sd.jinan"), Some(1));
    province.repository.publish(&unit("cn-sd/jinan"), package(2), 100).expect("still possible");
}

#[test]
fn a_delegate_is_replaced_and_withdrawn() {
    let mut province = Province::new();
    let next = province.ring.generate().expect("a key");
    province.repository.delegate(&unit("cn-sd/jinan"), std::slice::from_ref(&next), 1).expect("replaced");
    province.repository.publish(&unit("cn-sd/jinan"), package(2), 100).expect("published");
    let files = province.sign(NOW + 1);
    phone(&files, NOW + 2).expect("trusted under the new key");
    assert_eq!(signers(&files["metadata/2.cn-sd.jinan.json"]), [next.id()]);
    assert_eq!(province.repository.withdraw_delegate(&unit("cn-sd/jinan")).expect("withdrawn"), "targets");
    let files = province.sign(NOW + 3);
    let mut trusting = phone(&files, NOW + 4).expect("trusted");
    assert!(!trusting.delegates("targets").any(|role| role == "cn-sd.jinan"));
    let old = &files["metadata/2.cn-sd.jinan.json"];
    assert!(trusting.update_role("cn-sd.jinan", "targets", old, NOW + 4).is_err());
}

#[test]
fn a_root_rotates_under_old_and_new_keys_together() {
    let mut province = Province::new();
    let mut trusting = phone(province.files(), NOW).expect("trusted");
    let mut root = province.holders.root.clone();
    root[0] = province.ring.generate().expect("a key");
    let lifetimes = Lifetimes::default();
    let version = province.repository.rotate("root", &root, 3, &province.ring, NOW, &lifetimes).expect("rotated");
    assert_eq!(version, 2);
    let timestamp = province.ring.generate().expect("a key");
    province.repository.rotate("timestamp", &[timestamp], 1, &province.ring, NOW, &lifetimes).expect("rotated");
    let files = province.sign(NOW + 1);
    update(&mut trusting, &files, NOW + 2).expect("followed");
    assert_eq!(trusting.root_version(), 3);
    let strangers = KeyRing::default();
    let refused = province.repository.rotate("snapshot", &root[..1], 1, &strangers, NOW, &lifetimes);
    assert!(matches!(refused, Err(PublishError::Key(KeyError::NotAtHand { .. }))));
    let too_many = province.repository.rotate("root", &root[..2], 3, &province.ring, NOW, &lifetimes);
    assert!(matches!(too_many, Err(PublishError::Usage(_))));
}

#[test]
fn a_quiet_role_is_signed_anew_before_it_ends() {
    let mut province = Province::new();
    let files = province.sign(NOW + 80 * DAY);
    phone(&files, NOW + 100 * DAY).expect("still good");
}

#[test]
fn releases_are_rolled_out_paused_withdrawn_and_rolled_back() {
    let mut province = Province::new();
    let jinan = unit("cn-sd/jinan");
    let repository = &mut province.repository;
    assert!(matches!(repository.publish(&jinan, package(1), 100), Err(PublishError::NotNewer { newest: 1, .. })));
    let nothing = Withdrawn { reason: Names::new() };
    assert!(matches!(repository.roll_back(&jinan, "report", nothing), Err(PublishError::NothingBefore { .. })));
    repository.publish(&jinan, package(2), 5).expect("published");
    repository.change(&jinan, "report", 2, Change::Invite("K7QF-2M9X".to_owned())).expect("invited");
    repository.change(&jinan, "report", 2, Change::Percent(50)).expect("raised");
    repository.change(&jinan, "report", 2, Change::Pause).expect("paused");
    let releases = repository.releases(&jinan).expect("read");
    let second = releases.iter().find(|release| release.version_code == 2).expect("listed");
    assert!(second.entry.rollout.paused && second.entry.rollout.percent == 50);
    assert_eq!(second.entry.rollout.invited, [Invitation::of("k7qf2m9x")]);
    let reason = Withdrawn { reason: Names::new().with("en", "it loses drafts") };
    assert_eq!(repository.roll_back(&jinan, "report", reason).expect("rolled back"), (2, 1));
    repository.publish(&jinan, package(3), 100).expect("published");
    repository.publish(&jinan, package(4), 100).expect("published");
    let listed: Vec<u64> = repository.releases(&jinan).expect("read").iter().map(|r| r.version_code).collect();
    assert_eq!(listed, [3, 4], "the current and the previous version");
    assert!(repository.change(&jinan, "report", 9, Change::Pause).is_err());
}

#[test]
fn a_folder_holds_a_repository_and_no_path_leads_out_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut storage = Folder::to_write(folder.path(), || panic!("nobody else writes")).expect("free");
    let province = Province::new();
    for (path, bytes) in province.files() {
        storage.write(path, Arc::clone(bytes)).expect("written");
    }
    let mut opened = Repository::open(storage.clone()).expect("opened");
    opened.publish(&unit("cn-sd/jinan"), package(2), 100).expect("published");
    opened.sign(&province.ring, NOW + 1, &Lifetimes::default()).expect("signed");
    assert!(folder.path().join("metadata/2.cn-sd.jinan.json").is_file());
    for path in ["../out", "/etc/x", "a/../../b", "a//b", ""] {
        assert!(storage.write(path, Arc::from(&b"x"[..])).is_err(), "{path}");
    }
}

#[test]
fn a_folder_that_somebody_altered_is_not_signed_on() {
    let mut province = Province::new();
    let altered = |path: &str, change: &dyn Fn(&mut Value)| {
        let mut files = province.files().clone();
        let mut file: Value = serde_json::from_slice(&files[path]).expect("JSON");
        change(&mut file["signed"]);
        files.insert(path.to_owned(), Arc::from(file.to_string().into_bytes()));
        files
    };
    let root = altered("metadata/1.root.json", &|signed| signed["roles"]["targets"]["threshold"] = json!(2));
    assert!(matches!(Repository::open(root), Err(PublishError::Metadata { .. })));
    let timestamp = altered("metadata/timestamp.json", &|signed| signed["version"] = json!(9));
    assert!(Repository::open(timestamp).is_err());
    // An altered role counts as none; the next one would not follow it.
    let role = altered("metadata/1.targets.json", &|signed| signed["delegations"]["roles"] = json!([]));
    let mut opened = Repository::open(role).expect("roots, timestamp and snapshot are whole");
    assert!(
        opened.status(NOW).expect("read").iter().any(|status| status.role == "targets" && status.trouble.is_some())
    );
    let targets = province.files()["metadata/1.targets.json"].clone();
    let refused = province.repository.accept("cn-sd.jinan", &targets, NOW + 1);
    assert!(refused.is_err());
}

#[test]
fn a_role_may_not_delegate_to_itself_nor_sideways() {
    let mut province = Province::new();
    let mut file: Value = serde_json::from_slice(&province.files()["metadata/1.cn-sd.jinan.json"]).expect("JSON");
    let mut signed = file["signed"].take();
    signed["version"] = json!(2);
    signed["delegations"]["roles"][0]["name"] = json!("cn-sd.jinan");
    let file = province.ring.sign_as_any(&signed, &file["signatures"]).expect("signed");
    assert!(matches!(province.repository.accept("cn-sd.jinan", &file, NOW + 1), Err(PublishError::Metadata { .. })));
    // Even in the folder, it ends no signing.
    province.repository.put_metadata("cn-sd.jinan", 2, file).expect("put");
    let mut opened = Repository::open(province.files().clone()).expect("opened");
    opened.sign(&province.ring, NOW + 1, &Lifetimes::default()).expect("signed");
    assert_eq!(opened.tree().expect("read"), ["targets", "cn-sd.jinan"]);
}

#[test]
fn a_key_that_stands_twice_counts_once() {
    let mut province = Province::new();
    let twice = [province.city.clone(), province.city.clone()];
    assert!(matches!(province.repository.delegate(&unit("cn-sd/jinan"), &twice, 2), Err(PublishError::Usage(_))));
}

#[test]
fn other_keys_for_targets_take_its_metadata_along() {
    let mut province = Province::new();
    let key = province.ring.generate().expect("a key");
    let lifetimes = Lifetimes::default();
    province.repository.rotate("targets", &[key], 1, &province.ring, NOW, &lifetimes).expect("rotated");
    let files = province.sign(NOW + 1);
    phone(&files, NOW + 2).expect("trusted under the new key");
    let stranger = crate::SigningKey::generate().expect("a key").public().clone();
    let refused = province.repository.rotate("targets", &[stranger], 1, &province.ring, NOW, &lifetimes);
    assert!(matches!(refused, Err(PublishError::Key(KeyError::NotAtHand { .. }))), "nobody could sign targets then");
}

/// A role's next version with whatever was changed, signed by a program that does not look at limits.
fn signed_unseen(province: &Province, unit: &UnitId, change: impl Fn(&mut RoleDraft)) -> Arc<[u8]> {
    let mut apart = Repository::open(province.files().clone()).expect("opened");
    let role = unit.role();
    let mut draft = apart.role(&role).expect("read").clone();
    draft.version += 1;
    change(&mut draft);
    let (signers, _) = apart.authority(&role).expect("delegated");
    sign(&role, "targets", &draft, &[&signers], &province.ring).expect("signed")
}

/// Lists services or releases as many as asked for, under the paths that a function gives.
fn list(draft: &mut RoleDraft, count: u64, path: impl Fn(u64) -> String) {
    let one = draft.targets.values().next().expect("a release").clone();
    draft.targets.extend((0..count).map(|at| (path(at), one.clone())));
}

#[test]
fn a_city_that_delegates_to_too_many_is_told_when_it_signs() {
    let mut province = Province::new();
    let city = KeyRing::new([SigningKeyOf(&province).city()]);
    let mut apart = Repository::open(Overlay::new(province.files().clone())).expect("opened");
    let key = province.ring.generate().expect("a key");
    for at in 1..UNIT_DELEGATIONS {
        apart.delegate(&unit(&format!("cn-sd/jinan/~d{at}")), std::slice::from_ref(&key), 1).expect("delegated");
    }
    apart.sign(&city, NOW + 5, &Lifetimes::default()).expect("as many as it may");
    apart.delegate(&unit("cn-sd/jinan/~one-more"), &[key], 1).expect("delegated");
    let refused = apart.sign(&city, NOW + 6, &Lifetimes::default()).expect_err("one too many");
    assert_eq!(refused.to_string(), "cn-sd/jinan has 257 units below it, and may have 256; see docs/limits.md");
}

#[test]
fn what_goes_beyond_a_limit_is_not_taken_in_and_its_neighbour_is() {
    type Change = fn(&mut RoleDraft);
    let beyond: [(Change, &str); 2] = [
        (|draft| list(draft, 1_024, |at| format!("cn-sd/jinan/s{at}/1.ma")), "1025 services"),
        (|draft| list(draft, 3_072, |at| format!("cn-sd/jinan/report/{}.ma", at + 2)), "3073 releases"),
    ];
    for (change, what) in beyond {
        let mut province = Province::new();
        let qingdao = province.ring.generate().expect("a key");
        province.repository.delegate(&unit("cn-sd/qingdao"), &[qingdao], 1).expect("delegated");
        province.sign(NOW + 1);
        let file = signed_unseen(&province, &unit("cn-sd/jinan"), change);
        let refused = province.repository.accept("cn-sd.jinan", &file, NOW + 2).expect_err("too much");
        assert!(matches!(&refused, PublishError::Limit(_)) && refused.to_string().contains(what), "{refused}");
        // It came to the server all the same.
        let mut files = province.files().clone();
        files.insert("metadata/2.cn-sd.jinan.json".to_owned(), file);
        let mut opened = Repository::open(files).expect("opened");
        opened.publish(&unit("cn-sd/qingdao"), package(4), 100).expect("published");
        opened.publish(&unit("cn-sd/jinan/~transport"), package(5), 100).expect("published");
        opened.sign(&province.ring, NOW + 3, &Lifetimes::default()).expect("signed");
        let status = opened.status(NOW + 4).expect("read");
        let trouble = |role: &str| status.iter().find(|status| status.role == role).expect("listed").trouble.clone();
        let told = trouble("cn-sd.jinan").expect("told");
        assert!(told.starts_with("not taken in: cn-sd/jinan has") && told.contains(what), "{told}");
        assert_eq!((trouble("cn-sd.qingdao"), trouble("cn-sd.jinan.~transport")), (None, None));
        let phone = phone(opened.storage(), NOW + 5).expect("trusted");
        let wanted = |role: &str| phone.wanted_role(role);
        assert_eq!((wanted("cn-sd.jinan"), wanted("cn-sd.qingdao")), (Some(1), Some(1)));
        assert_eq!(wanted("cn-sd.jinan.~transport"), Some(1), "a department of the city, which is within the limits");
    }
}

#[test]
fn a_city_that_is_full_with_all_below_it_is_told_when_a_department_signs() {
    let mut province = Province::new();
    let departments = ["cn-sd/jinan/~a", "cn-sd/jinan/~b", "cn-sd/jinan/~c", "cn-sd/jinan/~d"].map(unit);
    let key = province.ring.generate().expect("a key");
    for department in &departments {
        province.repository.delegate(department, std::slice::from_ref(&key), 1).expect("delegated");
        province.repository.publish(department, package(1), 100).expect("published");
    }
    province.sign(NOW + 1);
    let full = |unit: &UnitId| {
        let unit = unit.clone();
        move |draft: &mut RoleDraft| list(draft, 1_023, |at| format!("{unit}/s{at}/1.ma"))
    };
    for department in &departments[..3] {
        let file = signed_unseen(&province, department, full(department));
        province.repository.accept(&department.role(), &file, NOW + 2).expect("fits");
    }
    // 3 × 1,024 of its departments and 1 of its own: 1,023 more fit.
    let file = signed_unseen(&province, &departments[3], full(&departments[3]));
    let refused = province.repository.accept(&departments[3].role(), &file, NOW + 2).expect_err("one too many");
    assert_eq!(
        refused.to_string(),
        "cn-sd/jinan has 4097 services with all below it, and may have 4096; see docs/limits.md"
    );
}

#[test]
fn a_department_that_was_withdrawn_and_whose_role_ends_stops_nobody_from_signing() {
    let mut province = Province::new();
    let department = unit("cn-sd/jinan/~transport");
    province.repository.publish(&department, package(7), 100).expect("published");
    province.sign(NOW + 1);
    province.repository.withdraw_delegate(&department).expect("withdrawn");
    province.sign(NOW + 2);
    // The city goes on, and so does the province, when what the department signed has long ended.
    for (at, code) in [(NOW + 3, 2), (NOW + 400 * 86_400, 3), (NOW + 800 * 86_400, 4)] {
        province.repository.publish(&unit("cn-sd/jinan"), package(code), 100).expect("published");
        let signed = province.repository.sign(&province.ring, at, &Lifetimes::default()).expect("signed");
        assert!(signed.iter().any(|(role, _)| role == "timestamp"), "{signed:?}");
    }
}

/// A province with a district of Jinan and `count` wards of it under one key, each of which has signed if it `signs`.
fn with_wards(count: usize, signs: bool) -> Province {
    let mut province = Province::new();
    let key = province.ring.generate().expect("a key");
    let keys = std::slice::from_ref(&key);
    province.repository.delegate(&unit("cn-sd/jinan/lixia"), keys, 1).expect("a district");
    for at in 0..count {
        let ward = unit(&format!("cn-sd/jinan/lixia/~w{at}"));
        province.repository.delegate(&ward, keys, 1).expect("a ward");
        if signs {
            province.repository.renew(&ward).expect("a role");
        }
    }
    province.repository.renew(&unit("cn-sd/jinan/lixia")).expect("a role");
    province.sign(NOW + 1);
    province
}

#[test]
fn names_that_were_never_signed_take_no_room() {
    let mut province = with_wards(UNIT_DELEGATIONS, false);
    let keys = [province.ring.generate().expect("a key")];
    for at in 1..UNIT_DELEGATIONS - 1 {
        province.repository.delegate(&unit(&format!("cn-sd/jinan/~d{at}")), &keys, 1).expect("delegated");
    }
    province.sign(NOW + 2);
    // 512 names by now; a role is what somebody has signed.
    province.repository.publish(&unit("cn-sd/jinan/~d7"), package(1), 100).expect("published");
    province.sign(NOW + 3);
    let status = province.repository.status(NOW + 4).expect("read");
    let seventh = status.iter().find(|status| status.role == "cn-sd.jinan.~d7").expect("listed");
    assert_eq!((seventh.version, seventh.pending, &seventh.trouble), (1, false, &None));
}

#[test]
fn what_lies_below_a_city_never_keeps_it_from_signing_or_taking_something_down() {
    // The district and its wards use all the services that the city may have, and more bytes than are left for it.
    let mut province = with_wards(4, true);
    let full = |unit: &UnitId| {
        let unit = unit.clone();
        move |draft: &mut RoleDraft| {
            let hash = json!({ "length": 1, "hashes": { "sha256": "0".repeat(64) } });
            let one: ListedTarget = serde_json::from_value(hash).expect("a target");
            draft.targets.extend((0..1_024).map(|at| (format!("{unit}/s{at}/1.ma"), one.clone())));
        }
    };
    let mut files = province.files().clone();
    for at in 0..4 {
        let ward = unit(&format!("cn-sd/jinan/lixia/~w{at}"));
        files.insert(format!("metadata/2.{}.json", ward.role()), signed_unseen(&province, &ward, full(&ward)));
    }
    province.repository = Repository::open(files).expect("opened");
    let id = "cn-sd/jinan/report".parse().expect("a service");
    let gone = Withdrawn { reason: Names::new().with("en", "It was altered.") };
    province.repository.take_down(&unit("cn-sd/jinan"), &id, &gone).expect("a service");
    province.sign(NOW + 2);
    province.repository.withdraw_delegate(&unit("cn-sd/jinan/lixia")).expect("withdrawn");
    province.sign(NOW + 3);
    let phone = phone(province.files(), NOW + 4).expect("trusted");
    assert_eq!(phone.takedowns(&unit("cn-sd/jinan")).expect("read").len(), 1);
    assert!(!phone.delegates("cn-sd.jinan").any(|role| role == "cn-sd.jinan.lixia"));
}
