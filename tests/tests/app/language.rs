//! Every screen in every language, also in those that are for tests alone.

use onecity_app::{Event, Kind, Tab};

use crate::kit::{Outcome, Town};

#[tokio::test(flavor = "multi_thread")]
async fn the_language_is_changed_on_the_spot_and_stays() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.goes_to(Tab::Me).await;
    resident.tap("语言").await?;
    resident.tap("Tiếng Việt").await?;
    resident.sees("Ngôn ngữ").await?;
    resident.goes_to(Tab::Home).await;
    resident.sees("Phản ánh hiện trường").await?;
    resident.restarts().await;
    resident.sees("Phản ánh hiện trường").await?;
    resident.goes_to(Tab::Me).await;
    resident.tap("Ngôn ngữ").await?;
    resident.tap("繁體中文").await?;
    resident.sees("語言").await?;
    assert_eq!(resident.phone().app().frame().language, "zh-Hant");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_s_language_is_followed_until_the_resident_chooses() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    let environment =
        onecity_app::Environment { languages: vec!["ar-XB".to_owned()], ..resident.phone().environment().clone() };
    resident.send(Event::Environment { environment }).await;
    resident.sees("\u{202e}Home\u{202c}").await?;
    assert!(resident.phone().app().frame().right_to_left);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_screen_says_the_name_of_a_message_or_leaves_a_part_without_a_label() -> Outcome {
    let town = Town::new().await;
    for language in ["zh-Hans-CN", "zh-TW", "vi", "en", "en-XA"] {
        let mut resident = town.speaking(&[language]);
        let mut seen = 0;
        // Whatever can be reached by touching what is on the screen, a few steps deep.
        for steps in [
            &[][..],
            &["agree"],
            &["below/cn-sd"],
            &["below/cn-sd/jinan"],
            &["find"],
            &["back", "place"],
            &["back", "scan"],
            &["close", "tab me", "login"],
            &["back", "language"],
            &["back", "consents"],
            &["back", "about"],
            &["licences"],
            &["tab passes"],
        ] {
            for step in steps {
                match *step {
                    "back" => resident.back().await,
                    "tab me" => resident.goes_to(Tab::Me).await,
                    "tab passes" => resident.goes_to(Tab::Passes).await,
                    key => {
                        let entry = reaches(&mut resident, key).await?;
                        resident.send(Event::Tap { entry, key: key.to_owned() }).await;
                    }
                }
            }
            let is_there = |screen: &onecity_app::Screen| {
                !screen.blocks.iter().any(|block| matches!(block.kind, Kind::Waiting | Kind::Progress { .. }))
            };
            resident.sees_that("all of the screen", is_there).await?;
            let screen = resident.screen().expect("a screen");
            for block in &screen.blocks {
                let label = label(&block.kind);
                assert!(!label.trim().is_empty(), "{language}: {} has no label", block.key);
                let is_id = label.contains('-') && label.chars().all(|c| c.is_ascii_lowercase() || c == '-');
                assert!(!is_id, "{language}: {} says {label}", block.key);
            }
            seen += screen.blocks.len();
        }
        assert!(seen > 40, "{language}: only {seen} parts were seen");
    }
    Ok(())
}

/// Waits until something has this key on the screen.
async fn reaches(resident: &mut mock_server::Resident, key: &str) -> Result<String, mock_server::Unseen> {
    let mut happened = resident.phone().happened();
    let there = async {
        loop {
            let entry = resident.entry();
            let screen = resident.phone().app().screen(&entry);
            let has = screen.is_some_and(|screen| {
                let head = screen.head.title_action.iter().chain(&screen.head.actions).any(|own| own.key == key);
                head || screen.blocks.iter().any(|block| block.key == key)
            });
            if has {
                return entry;
            }
            happened.changed().await.expect("the app runs");
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(20), there).await;
    Ok(waited.unwrap_or_else(|_| panic!("{key} was never there:\n{}", resident.reads())))
}

fn label(kind: &Kind) -> String {
    match kind {
        Kind::Heading { text } | Kind::Text { text, .. } | Kind::Notice { text, .. } | Kind::Empty { text, .. } => {
            text.clone()
        }
        Kind::Tiles { label, .. }
        | Kind::Tile { label, .. }
        | Kind::Rows { label }
        | Kind::Field { label, .. }
        | Kind::Choice { label, .. }
        | Kind::Toggle { label, .. }
        | Kind::Button { label, .. }
        | Kind::Code { label, .. }
        | Kind::Progress { label, .. } => label.clone(),
        Kind::Row { title, .. } => title.clone(),
        Kind::Facts { facts } => facts.first().map(|fact| fact.value.clone()).unwrap_or_default(),
        Kind::Waiting => "waiting".to_owned(),
    }
}
