//! Frames, changes and the end of the process: what shells rely on.

use std::collections::BTreeMap;

use onecity_app::{Block, Changes, Event, Head, Screen, Tab};

use crate::kit::{Outcome, Town};

/// A shell that only ever asks what has changed.
#[derive(Default)]
struct Painter {
    epoch: String,
    revision: u64,
    head: Head,
    order: Vec<String>,
    blocks: BTreeMap<String, Block>,
}

impl Painter {
    fn take(&mut self, changes: Changes) {
        if changes.whole {
            *self = Self::default();
        }
        (self.epoch, self.revision) = (changes.epoch, changes.revision);
        self.head = changes.head.unwrap_or_else(|| self.head.clone());
        for block in changes.blocks {
            self.blocks.insert(block.key.clone(), block);
        }
        if let Some(order) = changes.order {
            self.blocks.retain(|key, _| order.contains(key));
            self.order = order;
        }
    }

    fn shows(&self, screen: &Screen) {
        assert_eq!(self.head, screen.head);
        let shown: Vec<&Block> = self.order.iter().map(|key| &self.blocks[key]).collect();
        assert_eq!(shown, screen.blocks.iter().collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_add_up_to_the_whole_whenever_they_are_asked_for_and_however_often() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    let entry = resident.entry();
    let app = std::sync::Arc::clone(resident.phone().app());
    let mut painter = Painter::default();
    // Reads at different moments, and leaves some out.
    for step in 0..60_u64 {
        match step % 7 {
            0 => resident.send(Event::Network { online: step % 2 == 0 }).await,
            1 => resident.send(Event::Refresh { entry: entry.clone() }).await,
            2 => resident.send(Event::NearEnd { entry: entry.clone() }).await,
            3 => {
                app.send(Event::Shown);
            }
            _ => tokio::task::yield_now().await,
        }
        if step % 3 == 0 {
            continue;
        }
        let changes = app.changes_since(&entry, &painter.epoch, painter.revision).expect("it is there");
        let again = app.changes_since(&entry, &painter.epoch, painter.revision).expect("it is there");
        assert!(again.revision >= changes.revision);
        painter.take(changes);
        painter.take(again);
        // Between two reads something may have happened: look until nothing has.
        loop {
            let screen = app.screen(&entry).expect("it is there");
            let changes = app.changes_since(&entry, &painter.epoch, painter.revision).expect("it is there");
            let is_same = changes.blocks.is_empty() && changes.order.is_none() && changes.head.is_none();
            painter.take(changes);
            if is_same {
                painter.shows(&screen);
                break;
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_small_change_is_told_in_few_bytes() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.goes_to(Tab::Me).await;
    resident.sees("长辈版").await?;
    let entry = resident.entry();
    let screen = resident.screen().expect("a screen");
    resident.tap("长辈版").await?;
    let app = resident.phone().app();
    let changes = app.changes_since(&entry, &screen.epoch, app.frame().revision - 1).expect("it is there");
    let bytes = serde_json::to_vec(&changes).expect("JSON").len();
    assert!(!changes.whole && bytes <= 1024, "{bytes} bytes");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_start_of_the_app_is_news_as_a_whole() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    let before = resident.screen().expect("a screen");
    resident.restarts().await;
    resident.sees("问题上报").await?;
    let entry = resident.entry();
    let changes = resident.phone().app().changes_since(&entry, &before.epoch, before.revision).expect("it is there");
    assert!(changes.whole && changes.head.is_some() && changes.order.is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_may_end_anywhere_and_the_resident_is_where_they_were() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.tap("搜索服务和地方").await?;
    resident.types("搜索", "wtsb").await?;
    resident.tap("问题上报").await?;
    resident.sees("出示卡码").await?;
    resident.tap("更多").await?;
    resident.send(Event::Hidden).await;
    resident.restarts().await;
    resident.sees("出示卡码").await?;
    let frame = resident.phone().app().frame();
    assert_eq!((frame.stack.len(), frame.sheet.is_none()), (3, true), "no sheet comes back");
    resident.back().await;
    resident.sees("wtsb").await?;
    resident.back().await;
    resident.sees("搜索服务和地方").await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_of_the_stack_can_be_read_for_what_lies_below() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.tap("搜索服务和地方").await?;
    resident.tap("问题上报").await?;
    resident.sees("出示卡码").await?;
    let app = resident.phone().app();
    let frame = app.frame();
    assert_eq!(frame.stack.len(), 3);
    assert!(frame.stack.iter().all(|entry| app.screen(entry).is_some()));
    assert!(frame.tabs.is_empty(), "a page has the screen to itself");
    Ok(())
}
