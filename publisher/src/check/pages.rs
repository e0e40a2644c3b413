//! What a phone will not do with a page: load from elsewhere, run what stands in the page itself, show frames.

use std::collections::BTreeMap;

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use onecity_protocol::package::PAGE_SCRIPT_PATH;
use onecity_protocol::rules::{self, Finding, Rule};

use super::lines::Lines;

/// Elements that name something to load, with the attribute that does.
const LOADS: [(&str, &str); 12] = [
    ("script", "src"),
    ("link", "href"),
    ("img", "src"),
    ("source", "src"),
    ("audio", "src"),
    ("video", "src"),
    ("video", "poster"),
    ("track", "src"),
    ("input", "src"),
    ("image", "href"),
    ("use", "href"),
    ("a", "href"),
];

struct Page<'a> {
    path: &'a str,
    files: &'a BTreeMap<String, Vec<u8>>,
    lines: Lines<'a>,
    findings: &'a mut Vec<Finding>,
}

impl Page<'_> {
    fn say(&mut self, rule: &'static Rule, offset: usize, what: impl Into<String>) {
        self.findings.push(Finding::new(rule, self.path, what).at(self.lines.place(offset)));
    }
}

/// The tokens of a page, with where they stand.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = Token<usize>> {
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    // Without this the text of a script would be read as tags.
    emitter.naively_switch_states(true);
    Tokenizer::new_with_emitter(text, emitter).filter_map(Result::ok)
}

/// An attribute's text.
pub(crate) fn attribute(tag: &StartTag<usize>, name: &str) -> Option<String> {
    tag.attributes.get(name.as_bytes()).map(|value| String::from_utf8_lossy(&value.value).trim().to_owned())
}

/// Looks at a page.
pub(super) fn examine(path: &str, text: &str, files: &BTreeMap<String, Vec<u8>>, findings: &mut Vec<Finding>) {
    let mut page = Page { path, files, lines: Lines::of(text), findings };
    let (mut titled, mut fits) = (false, false);
    let mut inside = String::new();
    for token in tokens(text) {
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                titled |= name == "title";
                fits |= name == "meta" && attribute(&tag, "name").as_deref() == Some("viewport");
                examine_tag(&mut page, &name, &tag);
                inside = if name == "script" && !is_run(&tag) { String::new() } else { name };
            }
            Token::EndTag(_) => inside.clear(),
            Token::String(text) if inside == "script" && !text.value.iter().all(u8::is_ascii_whitespace) => {
                page.say(&rules::INLINE_SCRIPT, text.span.start, "a script in the page itself, which no phone runs");
            }
            Token::String(text) if inside == "style" && !text.value.iter().all(u8::is_ascii_whitespace) => {
                page.say(&rules::INLINE_STYLE, text.span.start, "a style in the page itself, which no phone applies");
            }
            _ => {}
        }
    }
    if !titled {
        page.say(&rules::PAGE_TITLE, 0, "no title");
    }
    if !fits {
        page.say(&rules::VIEWPORT, 0, "no viewport: on a phone the page is drawn as for a desk and shrunk");
    }
}

/// Whether what stands in a script's element would be run: it has no other source, and is not mere data (HTML §4.12.1).
pub(crate) fn is_run(tag: &StartTag<usize>) -> bool {
    let kind = attribute(tag, "type").unwrap_or_default();
    let code = ["", "module", "text/javascript", "application/javascript"];
    attribute(tag, "src").is_none() && code.contains(&kind.as_str())
}

fn examine_tag(page: &mut Page<'_>, name: &str, tag: &StartTag<usize>) {
    let at = tag.span.start;
    match name {
        "html" if attribute(tag, "lang").is_none_or(|lang| lang.is_empty()) => {
            page.say(&rules::PAGE_LANG, at, "the page does not say its language");
        }
        "iframe" | "frame" | "frameset" | "object" | "embed" | "portal" => {
            page.say(&rules::FRAME, at, format!("<{name}> is not shown"));
        }
        "button" | "input" if attribute(tag, "formaction").is_some() => {
            page.say(&rules::FORM_ACTION, at, "the browser does not send a form");
        }
        "script" if attribute(tag, "type").as_deref() == Some("importmap") => {
            page.say(&rules::INLINE_SCRIPT, at, "an import map in the page itself, which no phone reads");
        }
        "meta" if attribute(tag, "http-equiv").is_some_and(|kind| kind.eq_ignore_ascii_case("refresh")) => {
            page.say(&rules::LINK_OUT, at, "the page is not left by itself");
        }
        "base" => page.say(&rules::BASE, at, "<base> is not followed"),
        "img" if attribute(tag, "alt").is_none() => page.say(&rules::ALT, at, "a picture without alt"),
        "form" if attribute(tag, "action").is_some_and(|action| !action.is_empty()) => {
            page.say(&rules::FORM_ACTION, at, "the browser does not send a form");
        }
        "meta" if attribute(tag, "name").as_deref() == Some("viewport") => {
            let content = attribute(tag, "content").unwrap_or_default().replace(' ', "");
            if content.contains("user-scalable=no") || content.contains("maximum-scale=1") {
                page.say(&rules::VIEWPORT, at, "the page can't be made larger");
            }
        }
        _ => {}
    }
    for (attribute, value) in &tag.attributes {
        let attribute = String::from_utf8_lossy(attribute).into_owned();
        if attribute.starts_with("on") && attribute.len() > 2 {
            page.say(&rules::HANDLER, value.span.start, format!("{attribute} is not run"));
        }
        if attribute == "style" {
            page.say(&rules::INLINE_STYLE, value.span.start, "a style attribute, which no phone applies");
        }
    }
    for (_, loading) in LOADS.iter().filter(|(element, _)| *element == name) {
        if let Some(target) = attribute(tag, loading) {
            if target.to_ascii_lowercase().starts_with("javascript:") {
                page.say(&rules::HANDLER, at, "a script in an address is not run");
                continue;
            }
            let rel = attribute(tag, "rel").unwrap_or_default();
            if name == "link" && matches!(rel.as_str(), "canonical" | "alternate" | "author" | "license") {
                continue;
            }
            examine_target(page, name, at, &target);
        }
    }
    for candidate in attribute(tag, "srcset").unwrap_or_default().split(',') {
        if let Some(target) = candidate.split_whitespace().next() {
            examine_target(page, name, at, target);
        }
    }
}

fn examine_target(page: &mut Page<'_>, name: &str, at: usize, target: &str) {
    match Target::of(page.path, target) {
        Target::Elsewhere if name == "a" => page.say(&rules::LINK_OUT, at, format!("{target} is not followed")),
        Target::Elsewhere => page.say(&rules::EXTERNAL, at, format!("{target} is not loaded")),
        Target::Here(path) if name == "a" && (path.is_empty() || page.files.contains_key(&format!("{path}.html"))) => {}
        Target::Here(path) if !page.files.contains_key(&path) => {
            page.say(&rules::BROKEN_LINK, at, format!("{path} is not in the package"));
        }
        Target::Here(_) | Target::Nothing => {}
    }
}

/// What an address in a file of a package stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A file of the package, by its path.
    Here(String),
    /// A server.
    Elsewhere,
    /// Nothing to load: a place in the page, data in the address, a telephone number.
    Nothing,
}

impl Target {
    /// What an address means in a file at `path`.
    pub(crate) fn of(path: &str, target: &str) -> Self {
        // The origin is any: only whether the address leaves it counts.
        let Ok(base) = url::Url::parse("https://package.invalid/").and_then(|root| root.join(path)) else {
            return Self::Nothing;
        };
        if target.is_empty() || target.starts_with('#') {
            return Self::Nothing;
        }
        let Ok(url) = base.join(target) else { return Self::Nothing };
        match url.scheme() {
            "https" | "http" | "ws" | "wss" if url.origin() != base.origin() => Self::Elsewhere,
            "https" | "http" => {
                let path = url.path().trim_start_matches('/');
                if path == PAGE_SCRIPT_PATH { Self::Nothing } else { Self::Here(decoded(path)) }
            }
            _ => Self::Nothing,
        }
    }
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
