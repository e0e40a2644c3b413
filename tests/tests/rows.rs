//! Services that residents use every day, from the phone to the city and back, whatever gets in the way. What each step checks stands
//! in `mock-server/src/journey/rows`.

use mock_server::WorldOptions;
use mock_server::journey::{self, Row, Step, Under};

async fn holds(row: Row, under: Under) {
    let mut steps = Vec::new();
    let outcome =
        journey::row(row, WorldOptions::default(), under, &mut |step: &Step| steps.push(step.step.clone())).await;
    let summary =
        outcome.unwrap_or_else(|failed| panic!("{row:?} under {under:?}: {failed}; before it held: {steps:?}"));
    assert_eq!(summary.steps, steps.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_of_the_hotline_is_taken_once_and_only_its_codes_open_it() {
    holds(Row::Hotline, Under::Nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_on_a_metro_line() {
    holds(Row::Hotline, Under::FlakyMetro).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_when_the_app_ends_again_and_again() {
    holds(Row::Hotline, Under::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_without_a_network_in_the_middle() {
    holds(Row::Hotline, Under::Offline).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_taken_up_and_handled_by_a_clock_and_closed_with_something_to_see() {
    holds(Row::IHaNoi, Under::Nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_a_report_on_a_metro_line() {
    holds(Row::IHaNoi, Under::FlakyMetro).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_a_report_when_the_app_ends_again_and_again() {
    holds(Row::IHaNoi, Under::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_a_report_without_a_network_in_the_middle() {
    holds(Row::IHaNoi, Under::Offline).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_takes_residents_the_same_way() {
    let mut told = [(1, Vec::new()), (1, Vec::new()), (2, Vec::new())];
    for (seed, told) in &mut told {
        let options = WorldOptions { seed: *seed, ..WorldOptions::default() };
        let mut report = |step: &Step| told.push((step.step.clone(), step.checked.clone()));
        let outcome = journey::row(Row::Hotline, options, Under::Nothing, &mut report).await;
        outcome.unwrap_or_else(|failed| panic!("{failed}"));
    }
    assert_eq!(told[0], told[1]);
    assert_ne!(told[0].1, told[2].1, "another seed gives the case another number");
}
