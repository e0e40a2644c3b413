//! Who tells the time.

use super::counted;
use crate::device::http::Outgoing;
use crate::device::testing::Reply;
use crate::identity::Wish;
use crate::identity::testing::{FakeProvider, REDIRECT};

#[tokio::test]
async fn after_a_restart_the_provider_of_the_account_in_use_tells_the_time() {
    let (_, identity) = counted();
    identity.sessions.make_sure_of_the_time().await;
    assert!(identity.bench.http.seen().is_empty(), "nobody is logged in: nobody is asked");
    identity.log_in("lan").await.expect("logged in");
    identity.bench.clock.restart();
    identity
        .bench
        .http
        .always("/openid-configuration", Reply::status(200).header("date", "Wed, 01 Jan 2031 00:00:00 GMT"));
    identity.sessions.make_sure_of_the_time().await;
    let read = identity.device().time.read().await;
    assert!(read.verified && read.now.abs_diff(1_924_992_000) <= 1);
    let asked = identity.bench.http.seen().len();
    identity.sessions.make_sure_of_the_time().await;
    assert_eq!(identity.bench.http.seen().len(), asked, "it is known now");
}

#[tokio::test]
async fn only_a_provider_sets_the_clock() {
    let (_, identity) = counted();
    let before = identity.device().time.read().await;
    let date = "Wed, 01 Jan 2031 00:00:00 GMT";
    identity.bench.http.always("/news", Reply::status(200).header("date", date));
    let url = identity.device().http.url("https://jinan.example/news").expect("a URL");
    identity.device().http.send(Outgoing::get(url)).await.expect("answered");
    assert_eq!(identity.device().time.read().await.verified, before.verified, "a back end's date is not believed");
    identity.bench.http.once("/openid-configuration", Reply::status(404).header("date", date));
    let refused = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
    assert!(refused.is_err());
    let after = identity.device().time.read().await;
    assert!(after.verified && after.now.abs_diff(1_924_992_000) <= 1);
}

#[tokio::test]
async fn a_provider_that_dates_no_answer_confirms_the_time_by_its_id_token() {
    let (_, identity) = counted();
    assert!(!identity.device().time.read().await.verified);
    identity.log_in("lan").await.expect("logged in");
    assert!(identity.device().time.read().await.verified, "the token was made for this login");
}
