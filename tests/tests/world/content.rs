//! A tester's own personas, regions and services, laid over the built-in world by a file.

use std::path::Path;

use mock_server::{Phone, Server, Settings, SettingsError, WorldOptions};
use onecity_publisher::Template;

const FILE: &str = r#"
[[personas]]
id = "lin"
name = "Persona Lin"
kind = "person"
phone = "+86 100 0000 4321"
in_care = [{ id = "bao", name = "Persona Bao", relation = "child" }]

[[regions]]
id = "cn-sd/jinan/new-town"
kind = "district"
names = { zh = "新城", en = "New Town" }

[[circles]]
id = "cn-sd/~lakes"
names = { zh = "湖区", en = "Lake District" }
members = ["cn-sd/jinan", "cn-sd/jining"]

[[services]]
unit = "cn-sd/jinan/new-town"
folder = "library"

[[services]]
unit = "cn-sd/jinan/new-town/~reading"
folder = "library"

[[services]]
unit = "cn-sd/~lakes"
folder = "library"

[worlds.second]
personas = [{ id = "workshop", name = "Persona Foundry", kind = "enterprise" }]
"#;

/// A mini-service as `onecity new` begins one, in this version.
fn write_service(folder: &Path, version: u32) {
    let files = Template::Pages.files("library", Some("Library")).expect("a template");
    for (path, bytes) in files {
        let path = folder.join("library").join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("written");
    }
    let path = folder.join("library/manifest.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("a manifest");
    manifest["version"]["code"] = version.into();
    std::fs::write(path, manifest.to_string()).expect("written");
}

async fn start(file: &Path) -> (Server, Settings) {
    let settings = Settings::read(file).expect("settings");
    let state = file.with_file_name("state");
    let options = WorldOptions::default().with(settings.additions()).state(state);
    let server = Server::start(options).await.expect("a world");
    settings.apply(server.worlds()).expect("applied");
    (server, settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_adds_personas_regions_and_services_and_residents_find_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.toml");
    write_service(folder.path(), 1);
    std::fs::write(&file, FILE).expect("written");
    let (server, _) = start(&file).await;
    let world = server.world();

    let phone = Phone::new(&world, &["en"]).expect("a phone");
    let account = phone.log_in("shandong", "lin").await.expect("logged in");
    assert_eq!(account.name, "Persona Lin");
    let town = "cn-sd/jinan/new-town".parse().expect("a region");
    phone.client().sync(&town).await.expect("synced");
    let home = phone.client().home(&town).await.expect("home");
    assert_eq!(home.region.name, "New Town");
    let of = |unit: &str| home.services.iter().filter(|own| own.id.unit.to_string() == unit).collect::<Vec<_>>();
    let own = of("cn-sd/jinan/new-town");
    assert_eq!(own.iter().map(|own| own.name.as_str()).collect::<Vec<_>>(), ["Library"]);
    assert_eq!(of("cn-sd/~lakes").len(), 1, "the circle is around it");
    assert_eq!(of("cn-sd/jinan/new-town/~reading").len(), 1, "a department of the district");
    assert_eq!(of("cn-sd/jinan").len(), 3, "what is built in is there beside it");
    phone.client().open_service(&own[0].id, &town).await.expect("it opens");
    for unit in ["cn-sd.jinan.new-town", "cn-sd.jinan.new-town.~reading"] {
        let back_end = reqwest::get(format!("{}/city/{unit}", world.origin())).await.expect("answered");
        assert!(back_end.text().await.expect("whole").contains("New Town"));
    }

    // A pass for a child rides at a child's fare.
    let province = "cn-sd".parse().expect("a region");
    let pass = phone.client().add_pass(&province, "transit", Some("bao")).await.expect("a pass");
    assert_eq!(
        (pass.holder.map(|own| own.name), pass.fare),
        (Some("Persona Bao".to_owned()), Some("Child".to_owned()))
    );

    // The other world has its own, and none of this.
    let second = server.worlds().get("second").expect("it is there");
    let elsewhere = Phone::new(&second, &["en"]).expect("a phone");
    assert_eq!(elsewhere.log_in("shandong", "workshop").await.expect("logged in").name, "Persona Foundry");
    elsewhere.log_in("shandong", "lin").await.expect_err("nobody of that name lives there");

    // The next version, and another name for somebody, while it runs.
    write_service(folder.path(), 2);
    std::fs::write(&file, FILE.replace("Persona Lin", "Persona Linh")).expect("written");
    let next = Settings::read(&file).expect("settings");
    next.apply(server.worlds()).expect("applied");
    let other = Phone::new(&world, &["en"]).expect("a phone");
    other.client().sync(&town).await.expect("synced");
    let opened = other.client().open_service(&own[0].id, &town).await.expect("it opens");
    assert_eq!(opened.manifest().version.code, 2);
    assert_eq!(other.log_in("shandong", "lin").await.expect("logged in").name, "Persona Linh");

    // A service that comes while it runs, to some phones first; who is not there any more is logged out.
    let more = FILE.replace("Persona Lin", "Persona Linh")
        + "\nservices = [{ unit = \"cn-sd/qingdao\", folder = \"library\" }]";
    let first_of_all = "[[services]]\nunit = \"cn-sd/qingdao/~port\"\nfolder = \"library\"\nrollout = 0\n";
    let applied = |text: String| {
        std::fs::write(&file, text).expect("written");
        Settings::read(&file).and_then(|next| next.apply(server.worlds())).expect("applied");
    };
    applied(format!("{first_of_all}{more}"));
    let port = "cn-sd/qingdao".parse().expect("a region");
    let offered = async |to: &str| {
        other.client().sync(&port).await.expect("synced");
        let home = other.client().home(&port).await.expect("home");
        home.services.iter().filter(|own| own.id.unit.to_string() == to).count()
    };
    assert_eq!(offered("cn-sd/qingdao/~port").await, 0);
    applied(format!("{}{more}", first_of_all.replace("rollout = 0", "rollout = 100")));
    assert_eq!(offered("cn-sd/qingdao/~port").await, 1);
    let without = more.split("[[regions]]").nth(1).expect("the rest");
    applied(format!("{first_of_all}[[regions]]{without}"));
    other.client().sessions().await.expect_err("there is no such persona any more");

    // As it was at first: the version that it began with, signed later; and the file's again, once it is laid again.
    world.reset().expect("reset");
    phone.client().sync(&town).await.expect("synced");
    assert_eq!(offered("cn-sd/qingdao/~port").await, 0);
    applied(format!("{}{more}", first_of_all.replace("rollout = 0", "rollout = 100")));
    phone.client().sync(&town).await.expect("synced");
    assert_eq!(offered("cn-sd/qingdao/~port").await, 1);

    // Also if the server was another between the two.
    world.reset().expect("reset");
    server.stop().await;
    drop((world, second));
    let settings = Settings::read(&file).expect("settings");
    let options = WorldOptions::default().with(settings.additions()).state(folder.path().join("state"));
    let server = Server::start(options).await.expect("a world");
    settings.apply(server.worlds()).expect("applied");
    assert_eq!(offered("cn-sd/qingdao/~port").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_be_laid_over_a_world_is_refused_by_name_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.toml");
    write_service(folder.path(), 1);
    std::fs::write(&file, FILE).expect("written");
    let (server, _) = start(&file).await;
    let refused = |text: &str| -> SettingsError {
        std::fs::write(&file, text).expect("written");
        let read = Settings::read(&file).and_then(|next| next.apply(server.worlds()));
        read.expect_err("refused")
    };
    let cases = [
        (FILE.replace("New Town", "Newer Town"), "start the server again"),
        (FILE.replace("\"library\"", "\"nowhere\""), "nowhere"),
        (FILE.replace("Persona Bao", "Persona\\nBao"), "one line"),
        (FILE.replace("relation = \"child\"", "relation = \"aunt\""), "aunt"),
        (FILE.replace("id = \"lin\"", "id = \"Lin Lin\""), "small letters"),
        (FILE.replace("phone =", "telephone ="), "telephone"),
        (format!("{FILE}\nservices = [{{ unit = \"cn\", folder = \"library\" }}]"), "no province"),
        (format!("{FILE}\nservices = [{{ unit = \"cn-sd/nowhere\", folder = \"library\" }}]"), "no unit"),
        (format!("{FILE}\nservices = [{{ unit = \"cn-sd/jinan\", folder = \"library\", rollout = 101 }}]"), "percent"),
    ];
    for (text, why) in cases {
        let said = refused(&text).to_string();
        assert!(said.contains(why), "{said}");
        assert!(server.world().describe().expect("described").to_string().contains("Persona Lin"));
    }
    // A version that was published can't become another.
    std::fs::write(folder.path().join("library/i18n/en.json"), "{}").expect("written");
    assert!(refused(FILE).to_string().contains("registry"));

    // From the start, too.
    for (text, why) in [
        ("[[regions]]\nid = \"cn-sd/nowhere/new-town\"\nkind = \"district\"\nnames = { en = \"X\" }", "lies in none"),
        ("[[circles]]\nid = \"cn-sd/~lakes\"\nnames = { en = \"X\" }\nmembers = [\"cn-sd/nowhere\"]", "members"),
        ("[[circles]]\nid = \"cn-sd/~lakes\"\nnames = { en = \"X\" }\nmembers = [\"vn-hn\"]", "its own regions only"),
    ] {
        std::fs::write(&file, text).expect("written");
        let settings = Settings::read(&file).expect("settings");
        let refused = Server::start(WorldOptions::default().with(settings.additions())).await;
        let Err(refused) = refused else { panic!("{text} is refused") };
        assert!(refused.to_string().contains(why), "{refused}");
    }
}
