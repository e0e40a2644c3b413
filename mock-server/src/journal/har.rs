//! Exchanges as an HTTP Archive (HAR 1.2), as browsers' developer tools and many others read it.

use serde_json::{Value, json};

use super::{ShownExchange, ShownHeader, ShownMessage};

/// An archive of exchanges with a server at `origin`.
pub(super) fn archive(all: &[ShownExchange], origin: &str) -> Value {
    let creator = json!({ "name": "OneCity mock-server", "version": env!("CARGO_PKG_VERSION") });
    let entries: Vec<Value> = all.iter().map(|own| entry(own, origin)).collect();
    json!({ "log": { "version": "1.2", "creator": creator, "entries": entries } })
}

fn entry(own: &ShownExchange, origin: &str) -> Value {
    let query = if own.query.is_empty() { String::new() } else { format!("?{}", own.query) };
    let pairs: Vec<Value> = url::form_urlencoded::parse(own.query.as_bytes())
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let mut request = json!({
        "method": own.method, "url": format!("{origin}{}{query}", own.path), "httpVersion": "HTTP/1.1", "cookies": [],
        "headers": own.request.headers, "queryString": pairs, "headersSize": -1, "bodySize": own.request.bytes,
    });
    if own.request.bytes > 0 {
        let text = own.request.body.as_deref().unwrap_or_default();
        request["postData"] = json!({ "mimeType": media_type(&own.request), "text": text });
    }
    let none = ShownMessage { headers: Vec::new(), bytes: 0, body: None };
    let answer = own.response.as_ref().unwrap_or(&none);
    let mut content = json!({ "size": answer.bytes, "mimeType": media_type(answer) });
    if let Some(body) = &answer.body {
        content["text"] = body.as_str().into();
    }
    let mut said = json!({
        "startedDateTime": own.at, "time": own.took_ms, "cache": {},
        "timings": { "send": 0, "wait": own.took_ms, "receive": 0 },
        "request": request,
        // A connection that was reset has no answer: 0, as browsers write it.
        "response": {
            "status": own.status.unwrap_or(0), "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": answer.headers, "content": content, "redirectURL": header(answer, "location"), "headersSize": -1,
            "bodySize": answer.bytes,
        },
    });
    if !own.faults.is_empty() {
        said["comment"] = format!("struck by {}", own.faults.join(", ")).into();
    }
    said
}

fn header<'m>(message: &'m ShownMessage, name: &str) -> &'m str {
    message.headers.iter().find(|own: &&ShownHeader| own.name == name).map_or("", |own| own.value.as_str())
}

fn media_type(message: &ShownMessage) -> &str {
    header(message, "content-type")
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::super::Filter;
    use super::super::tests::{entry, journal};

    #[test]
    fn an_archive_has_what_har_1_2_wants_and_says_what_struck() {
        let journal = journal();
        let mut lost = entry(Method::POST, "/city/vn-hn/reports", "{\"a\":1}", 201);
        (lost.status, lost.response, lost.faults) = (None, None, vec!["tunnel".to_owned()]);
        journal.write(entry(Method::GET, "/city/vn-hn", "", 200));
        journal.write(lost);
        let har = journal.har(&Filter::default(), 10, "http://127.0.0.1:1").expect("an archive");
        let entries = har["log"]["entries"].as_array().expect("a list");
        assert_eq!((har["log"]["version"].as_str(), entries.len()), (Some("1.2"), 2));
        for own in entries {
            for (part, fields) in [
                (
                    "request",
                    ["method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"],
                ),
                (
                    "response",
                    ["status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "bodySize"],
                ),
            ] {
                assert!(fields.iter().all(|field| !own[part][field].is_null()), "{own}");
            }
        }
        assert_eq!(entries[1]["request"]["url"], "http://127.0.0.1:1/city/vn-hn/reports");
        assert_eq!(
            (&entries[1]["response"]["status"], &entries[1]["comment"]),
            (&0.into(), &"struck by tunnel".into())
        );
        assert_eq!(entries[1]["request"]["postData"]["text"], "{\"a\":1}");
    }
}
