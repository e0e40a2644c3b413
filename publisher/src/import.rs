//! Moving an existing static web app in: a folder of a build becomes the folder of a mini-service. What can be mended
//! safely is; what can't is left for `check` to name.

use std::collections::{BTreeMap, BTreeSet};

use html5gum::{StartTag, Token};
use onecity_protocol::limits::ICON_BYTES;
use onecity_protocol::manifest::{MANIFEST_PATH, is_app_id};
use onecity_protocol::package::media_type;
use serde_json::{Value, json};

use crate::check::{Target, attribute, is_run, tokens};

/// What an import is told.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The service's identifier.
    pub app_id: String,
    /// Its name, if the app's own does not do.
    pub name: Option<String>,
    /// Its category.
    pub category: String,
    /// The origins of its back end.
    pub origins: Vec<String>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ImportError {
    #[error("{0}: an app_id is 1 to 64 letters, digits, dots, hyphens or underscores and begins with a letter")]
    AppId(String),
    #[error("there is no page in the folder; import what a build made, for example dist/")]
    NoPage,
}

/// What came of it.
#[derive(Debug)]
pub struct Imported {
    /// The files of the mini-service.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What was done, one sentence each.
    pub done: Vec<String>,
}

/// Makes a mini-service of a web app's files.
pub fn import(mut files: BTreeMap<String, Vec<u8>>, options: &ImportOptions) -> Result<Imported, ImportError> {
    if !is_app_id(&options.app_id) {
        return Err(ImportError::AppId(options.app_id.clone()));
    }
    let pages = pages_of(&files);
    let Some(entry) = pages.first().cloned() else { return Err(ImportError::NoPage) };
    let mut done = Vec::new();
    let told = take_web_manifest(&mut files, &mut done);
    leave_out(&mut files, &mut done);
    let mut titles = BTreeMap::new();
    let mut language = None;
    for page in &pages {
        let text = String::from_utf8_lossy(&files[page]).into_owned();
        let mut edit = PageEdit::new(page, &text, &files);
        edit.run();
        let PageEdit { edits, made, title, lang, said, .. } = edit;
        titles.insert(page.clone(), title);
        language = language.or(lang);
        done.extend(said.into_iter().map(|said| format!("{page}: {said}")));
        files.insert(page.clone(), applied(&text, edits).into_bytes());
        files.extend(made);
    }
    for (path, text) in [("app.js", "// What all pages share.\n"), ("app.css", "/* What all pages share. */\n")] {
        if !files.contains_key(path) {
            files.insert(path.to_owned(), text.as_bytes().to_vec());
            done.push(format!("{path}: made, empty; every mini-service has one"));
        }
    }
    let icon = icon_of(&mut files, &told, &options.app_id, &mut done);
    let text = |member: &str| told[member].as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let title = titles.get(&entry).cloned().flatten();
    let name = options.name.clone().or_else(|| text("name")).or_else(|| text("short_name")).or(title);
    let name: String = name.unwrap_or_else(|| options.app_id.clone()).chars().take(64).collect();
    let routes: Vec<&str> = pages.iter().map(|page| page.trim_end_matches(".html")).collect();
    let mut manifest = json!({
        "app_id": options.app_id, "name": name, "dir": "auto",
        "icons": [{ "src": icon, "label": name }], "pages": routes,
        "platform_version": { "min_code": 1 }, "version": { "code": 1, "name": "1.0.0" },
        "onecity": { "category": options.category, "origins": options.origins },
    });
    if let Some(lang) = text("lang").or(language).filter(|lang| onecity_protocol::names::is_language_tag(lang)) {
        manifest["onecity"]["names"] = json!({ &lang: name });
        manifest["onecity"]["descriptions"] =
            json!({ &lang: text("description").unwrap_or_else(|| name.clone()).chars().take(300).collect::<String>() });
        manifest["lang"] = json!(lang);
    }
    let written = format!("{}\n", serde_json::to_string_pretty(&manifest).unwrap_or_default());
    files.insert(MANIFEST_PATH.to_owned(), written.into_bytes());
    done.push(format!("{MANIFEST_PATH}: made from the app's own name, language and icon; look it over, and add names in your residents' languages"));
    Ok(Imported { files, done })
}

/// The app's pages, the entry first.
fn pages_of(files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut pages: Vec<String> = files.keys().filter(|path| path.ends_with(".html")).cloned().collect();
    pages.sort_by_key(|path| (path != "index.html", path.matches('/').count(), path.clone()));
    pages
}

/// The web app's own manifest, which gives way to ours.
fn take_web_manifest(files: &mut BTreeMap<String, Vec<u8>>, done: &mut Vec<String>) -> Value {
    for path in ["manifest.webmanifest", "site.webmanifest", MANIFEST_PATH] {
        let read = files.get(path).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        if let Some(manifest) = read.filter(Value::is_object) {
            files.remove(path);
            done.push(format!("{path}: read, and left out; a mini-service has manifest.json"));
            return manifest;
        }
    }
    Value::Null
}

/// Files that do nothing in a mini-service.
fn leave_out(files: &mut BTreeMap<String, Vec<u8>>, done: &mut Vec<String>) {
    let useless = |path: &str| {
        path.ends_with(".map")
            || path.ends_with(".gz")
            || path.ends_with(".br")
            || matches!(path, "robots.txt" | "CNAME" | "_redirects" | "_headers")
    };
    let gone: Vec<String> = files.keys().filter(|path| useless(path)).cloned().collect();
    for path in gone {
        files.remove(&path);
        done.push(format!("{path}: left out; no phone asks for it"));
    }
}

fn icon_of(files: &mut BTreeMap<String, Vec<u8>>, told: &Value, app_id: &str, done: &mut Vec<String>) -> String {
    let listed = told["icons"].as_array().into_iter().flatten().filter_map(|icon| icon["src"].as_str());
    let listed: Vec<String> = listed
        .filter_map(|src| match Target::of(MANIFEST_PATH, src) {
            Target::Here(path) => Some(path),
            _ => None,
        })
        .collect();
    let usual = [
        "icon.svg",
        "favicon.svg",
        "logo.svg",
        "vite.svg",
        "icon.png",
        "logo192.png",
        "apple-touch-icon.png",
        "favicon.png",
        "favicon.ico",
    ];
    let usual = usual.iter().map(|name| (*name).to_owned());
    let fits = |path: &String| {
        files.get(path).is_some_and(|bytes| bytes.len() <= ICON_BYTES) && media_type(path).starts_with("image/")
    };
    if let Some(path) = listed.into_iter().chain(usual).find(fits) {
        return path;
    }
    let letter = app_id.chars().find(char::is_ascii_alphabetic).unwrap_or('S').to_ascii_uppercase();
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 48 48\" width=\"48\" height=\"48\">\n  <rect width=\"48\" height=\"48\" \
         rx=\"11\" fill=\"#14606b\"/>\n  <text x=\"24\" y=\"33\" font-family=\"system-ui, sans-serif\" font-size=\"26\" font-weight=\"600\" \
         text-anchor=\"middle\" fill=\"#fff\">{letter}</text>\n</svg>\n"
    );
    let path = "common/icon.svg".to_owned();
    files.insert(path.clone(), svg.into_bytes());
    done.push(format!("{path}: made; the app has no icon of at most {ICON_BYTES} bytes"));
    path
}

/// A piece of a text to be replaced.
type Edit = (std::ops::Range<usize>, String);

fn applied(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (range, with) in edits {
        if range.start >= at {
            out.push_str(&text[at..range.start]);
            out.push_str(&with);
            at = range.end;
        }
    }
    out.push_str(&text[at..]);
    out
}

/// What is changed in one page.
struct PageEdit<'a> {
    page: &'a str,
    text: &'a str,
    files: &'a BTreeMap<String, Vec<u8>>,
    edits: Vec<Edit>,
    made: BTreeMap<String, Vec<u8>>,
    title: Option<String>,
    lang: Option<String>,
    said: Vec<String>,
    styles: Vec<String>,
    has_page_api: bool,
}

impl<'a> PageEdit<'a> {
    fn new(page: &'a str, text: &'a str, files: &'a BTreeMap<String, Vec<u8>>) -> Self {
        Self {
            page,
            text,
            files,
            edits: Vec::new(),
            made: BTreeMap::new(),
            title: None,
            lang: None,
            said: Vec::new(),
            styles: Vec::new(),
            has_page_api: false,
        }
    }

    /// Beside the page, so that relative addresses in what is moved go on meaning the same.
    fn made_path(&self, ending: &str) -> String {
        format!("{}-moved-{}.{ending}", self.page.trim_end_matches(".html"), self.made.len() + 1)
    }

    fn run(&mut self) {
        let mut head = None;
        let mut open: Option<StartTag<usize>> = None;
        for token in tokens(self.text) {
            match token {
                Token::StartTag(tag) => {
                    match &tag.name[..] {
                        b"head" => head = Some(tag.span.end),
                        b"html" => self.lang = attribute(&tag, "lang"),
                        _ => {}
                    }
                    self.tag(&tag);
                    open = Some(tag);
                }
                Token::String(content) => {
                    let Some(tag) = &open else { continue };
                    let inside = self.text.get(content.span.start..content.span.end).unwrap_or_default().to_owned();
                    match &tag.name[..] {
                        b"title" => self.title = Some(inside.trim().to_owned()).filter(|title| !title.is_empty()),
                        b"script" if is_run(tag) && !inside.trim().is_empty() => {
                            self.move_script(&tag.clone(), content.span.start..content.span.end, &inside);
                        }
                        b"style" if !inside.trim().is_empty() => {
                            self.move_style(&tag.clone(), content.span.start..content.span.end, &inside);
                        }
                        _ => {}
                    }
                }
                Token::EndTag(_) => open = None,
                _ => {}
            }
        }
        let mut first = String::new();
        if !self.styles.is_empty() {
            let path = self.made_path("js");
            // A script may set what an attribute may not; later changes by the page's own scripts then work as before.
            let lines = self.styles.iter().enumerate().map(|(at, css)| {
                let css = serde_json::to_string(css).unwrap_or_default();
                format!("for (const element of document.querySelectorAll(\"[data-style='{}']\")) element.style.cssText = {css};\n", at + 1)
            });
            let script: String = std::iter::once("\"use strict\";\n".to_owned()).chain(lines).collect();
            first.push_str(&format!("<script src=\"/{path}\" defer></script>"));
            self.made.insert(path.clone(), script.into_bytes());
            self.said.push(format!("style attributes moved to {path}, since no phone applies them in the page"));
        }
        if !self.has_page_api {
            first.push_str("<script src=\"/onecity.js\"></script>");
            self.said.push("the phone's page API added: /onecity.js".to_owned());
        }
        let at =
            head.unwrap_or_else(|| self.text.find("<body").or_else(|| self.text.find("<script")).unwrap_or_default());
        self.edits.push((at..at, first));
    }

    fn tag(&mut self, tag: &StartTag<usize>) {
        let name = String::from_utf8_lossy(&tag.name).into_owned();
        self.has_page_api |= name == "script" && attribute(tag, "src").as_deref() == Some("/onecity.js");
        if name == "link" && attribute(tag, "rel").as_deref() == Some("manifest") {
            self.edits.push((tag.span.start..tag.span.end, String::new()));
            self.said.push("the link to the web app's manifest taken out".to_owned());
            return;
        }
        for loading in ["src", "href", "poster"] {
            let Some(value) = attribute(tag, loading) else { continue };
            if let Some(found) = self.below_another_root(&value) {
                let whole = &self.text[tag.span.start..tag.span.end];
                if let Some(at) = whole.find(value.as_str()) {
                    let at = tag.span.start + at;
                    self.edits.push((at..at + value.len(), format!("/{found}")));
                    self.said.push(format!("{value} is /{found} here"));
                }
            }
        }
        if let Some(style) = attribute(tag, "style").filter(|style| !style.is_empty()) {
            self.styles.push(style);
            let number = self.styles.len();
            let span = tag.attributes[b"style".as_slice()].span;
            self.edits.push((span.start..span.end, format!("data-style=\"{number}\"")));
        }
    }

    /// An app that was built for a folder of its server names files below that folder; here they are at the top.
    fn below_another_root(&self, value: &str) -> Option<String> {
        let Target::Here(path) = Target::of(self.page, value) else { return None };
        if self.files.contains_key(&path) || !value.starts_with('/') {
            return None;
        }
        let mut rest = path.as_str();
        while let Some((_, below)) = rest.split_once('/') {
            if self.files.contains_key(below) {
                return Some(below.to_owned());
            }
            rest = below;
        }
        None
    }

    fn move_script(&mut self, tag: &StartTag<usize>, content: std::ops::Range<usize>, inside: &str) {
        let path = self.made_path("js");
        self.made.insert(path.clone(), inside.as_bytes().to_vec());
        let at = tag.span.end - 1;
        self.edits.push((at..at, format!(" src=\"/{path}\"")));
        self.edits.push((content, String::new()));
        self.said.push(format!("a script in the page moved to {path}, since no phone runs it there"));
    }

    fn move_style(&mut self, tag: &StartTag<usize>, content: std::ops::Range<usize>, inside: &str) {
        let path = self.made_path("css");
        self.made.insert(path.clone(), inside.as_bytes().to_vec());
        let media = attribute(tag, "media").map(|media| format!(" media=\"{media}\"")).unwrap_or_default();
        let end = self.text[content.end..].find('>').map_or(content.end, |at| content.end + at + 1);
        self.edits.push((tag.span.start..end, format!("<link rel=\"stylesheet\" href=\"/{path}\"{media}>")));
        self.said.push(format!("a style in the page moved to {path}, since no phone applies it there"));
    }
}

/// The origins that a mini-service asks for, as far as its scripts name any.
pub fn named_origins(files: &BTreeMap<String, Vec<u8>>) -> BTreeSet<String> {
    let checked = crate::check::check(files);
    let undeclared =
        checked.findings.iter().filter(|finding| finding.rule == &onecity_protocol::rules::UNDECLARED_ORIGIN);
    undeclared.filter_map(|finding| finding.what.split(' ').next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check;

    fn imported(page: &str, others: &[(&str, &str)]) -> Imported {
        let mut files = BTreeMap::from([("index.html".to_owned(), page.as_bytes().to_vec())]);
        files.extend(others.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())));
        let options = ImportOptions { app_id: "old-map".to_owned(), category: "maps".to_owned(), ..Default::default() };
        import(files, &options).expect("imported")
    }

    #[test]
    fn an_old_page_becomes_a_package_that_every_phone_opens() {
        let page = "<!doctype html>\n<html lang=\"vi\"><head><title>Bản đồ</title>\
            <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"manifest\" href=\"/app/manifest.webmanifest\">\
            <style>body { margin: 0 }</style><link rel=\"stylesheet\" href=\"/app/assets/map.css\"></head>\
            <body><p style=\"color: red; margin: 0\">x</p><script>document.title = \"<b>\";</script>\
            <script type=\"application/json\">{\"a\":1}</script></body></html>";
        let others = [
            ("assets/map.css", "p { margin: 1px }"),
            ("assets/map.js.map", "{}"),
            ("manifest.webmanifest", "{\"name\": \"Bản đồ thành phố\", \"icons\": [{\"src\": \"/favicon.svg\"}]}"),
            ("favicon.svg", "<svg></svg>"),
        ];
        let imported = imported(page, &others);
        let checked = check(&imported.files);
        let errors: Vec<String> =
            checked.findings.iter().filter(|finding| finding.refuses()).map(ToString::to_string).collect();
        assert_eq!(errors, Vec::<String>::new());
        let text = String::from_utf8_lossy(&imported.files["index.html"]).into_owned();
        assert!(
            text.contains("<script src=\"/onecity.js\"></script>") && text.contains("href=\"/assets/map.css\""),
            "{text}"
        );
        assert!(
            text.contains("data-style=\"1\"") && !text.contains("<p style") && !text.contains("document.title"),
            "{text}"
        );
        let manifest = checked.manifest.expect("a manifest");
        assert_eq!(
            (manifest.name.as_str(), manifest.lang.as_deref(), manifest.icons[0].src.as_str()),
            ("Bản đồ thành phố", Some("vi"), "favicon.svg")
        );
        assert!(!imported.files.contains_key("assets/map.js.map"));
        let package = crate::pack(&imported.files).expect("packed");
        onecity_protocol::package::Package::open(package.into()).expect("every phone opens it");
    }

    #[test]
    fn a_folder_without_a_page_and_a_wrong_identifier_are_refused() {
        let options = ImportOptions { app_id: "a b".to_owned(), ..Default::default() };
        assert!(matches!(import(BTreeMap::new(), &options), Err(ImportError::AppId(_))));
        let options = ImportOptions { app_id: "map".to_owned(), ..Default::default() };
        assert!(matches!(import(BTreeMap::new(), &options), Err(ImportError::NoPage)));
    }
}
