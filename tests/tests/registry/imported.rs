//! A web app that nobody wrote for a phone, built by a public template and moved in by `onecity import`.

use std::path::PathBuf;

use onecity_publisher::{check, pack, read_folder};

use crate::server::{Registry, id, service, unit};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs ONECITY_IMPORTED, a folder that `onecity import` made of a build; tests/run makes one and runs this"]
async fn an_imported_web_app_opens_with_no_network_file_by_file() {
    let folder = PathBuf::from(std::env::var_os("ONECITY_IMPORTED").expect("tests/run says where it is"));
    let files = read_folder(&folder).expect("read");
    let checked = check(&files);
    assert!(checked.passes(false), "{:?}", checked.findings.iter().map(ToString::to_string).collect::<Vec<_>>());
    let app_id = checked.manifest.expect("a manifest").app_id;
    let mut registry = Registry::start().await;
    registry.province.publish(&unit("cn-sd/jinan"), pack(&files).expect("packed"), 100).expect("published");
    registry.publish();
    let mut phone = registry.phone();
    let which = service("cn-sd/jinan", &app_id);
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    phone.opens(&which, "cn-sd/jinan").await.expect("installed");
    registry.stop();
    phone.restart(|_| ());
    let session = phone.open_service(&which, &id("cn-sd/jinan")).await.expect("opens with no network");
    let entry = phone.resource(&session, &session.entry()).await.expect("an answer");
    let page = String::from_utf8(entry.body).expect("text");
    assert!(page.contains("/onecity.js") && page.contains("type=\"module\""), "{page}");
    for (path, bytes) in &files {
        let resource = phone.resource(&session, &format!("/{path}")).await.expect("an answer");
        assert_eq!((resource.status, &resource.body), (200, bytes), "{path}");
        let script = path.ends_with(".js");
        assert!(!script || resource.mime.starts_with("text/javascript"), "{path} is {}", resource.mime);
    }
    let outside = phone.resource(&session, "/no/such/file.js").await.expect("an answer");
    assert_eq!(outside.status, 404);
}
