//! The catalogue. An id is never given to another rule: what it says is on pages and in people's heads.

use super::{Rule, Severity};

/// A package is a ZIP archive.
pub static NOT_A_ZIP: Rule = Rule {
    id: "OC001",
    name: "not-a-zip",
    severity: Severity::Error,
    source: "W3C MiniApp Packaging §5.2, ZIP file requirements",
    link: "https://www.w3.org/TR/miniapp-packaging/#sec-miniapp-zip-file-requirements",
    text: "A package is a ZIP archive.",
    example: "A RAR file renamed to `report.ma`.",
    mend: "Pack the folder with `onecity pack`.",
};
/// A package is at most 20 MiB.
pub static PACKAGE_SIZE: Rule = Rule {
    id: "OC002",
    name: "package-size",
    severity: Severity::Error,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-packaging/",
    text: "A package is at most 20 MiB.",
    example: "A package with a film of 80 MB in it.",
    mend: "Make pictures smaller; let the city's back end serve films.",
};
/// No byte of a package stands outside of its entries and directory: nothing before, between or behind them.
pub static STRAY_BYTES: Rule = Rule {
    id: "OC003",
    name: "stray-bytes",
    severity: Severity::Error,
    source: "ZIP application note §4.3.6",
    link: "https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT",
    text: "No byte of a package stands outside of its entries and directory: nothing before, between or behind them.",
    example: "An archive with a comment, or behind a self-extracting program.",
    mend: "Pack the folder with `onecity pack`.",
};
/// No byte belongs to two entries.
pub static OVERLAP: Rule = Rule {
    id: "OC004",
    name: "overlap",
    severity: Severity::Error,
    source: "ZIP application note §4.3.6",
    link: "https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT",
    text: "No byte belongs to two entries.",
    example: "A bomb whose entries all share one block of data.",
    mend: "Pack the folder with `onecity pack`.",
};
/// Entries stand in the file in the order of the directory, under the same names and sizes.
pub static OUT_OF_ORDER: Rule = Rule {
    id: "OC005",
    name: "out-of-order",
    severity: Severity::Error,
    source: "ZIP application note §4.3.6",
    link: "https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT",
    text: "Entries stand in the file in the order of the directory, under the same names and sizes.",
    example: "A directory that calls `a.js` what the entry itself calls `b.js`.",
    mend: "Pack the folder with `onecity pack`.",
};
/// A package has at most 2,000 files.
pub static TOO_MANY_ENTRIES: Rule = Rule {
    id: "OC006",
    name: "too-many-entries",
    severity: Severity::Error,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-packaging/",
    text: "A package has at most 2,000 files.",
    example: "`node_modules` packed along.",
    mend: "Pack what a build made, not its sources.",
};
/// A file is at most 10 MiB, all together 50 MiB.
pub static ENTRY_SIZE: Rule = Rule {
    id: "OC007",
    name: "entry-size",
    severity: Severity::Error,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-packaging/",
    text: "A file is at most 10 MiB, all together 50 MiB.",
    example: "A photograph of 12 MB.",
    mend: "Make pictures smaller.",
};
/// No file of more than 64 KiB is packed more than 200 times smaller than itself.
pub static RATIO: Rule = Rule {
    id: "OC008",
    name: "ratio",
    severity: Severity::Error,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-packaging/",
    text: "No file of more than 64 KiB is packed more than 200 times smaller than itself.",
    example: "Ten megabytes of zeros in ten kilobytes.",
    mend: "Leave the file out.",
};
/// A path is relative, UTF-8, without `.`, `..`, backslash, colon, control or other reserved characters; a name is at most 255 bytes and does not end with a dot.
pub static PATH: Rule = Rule {
    id: "OC009",
    name: "path",
    severity: Severity::Error,
    source: "W3C MiniApp Packaging §4.4, file names",
    link: "https://www.w3.org/TR/miniapp-packaging/#file-names",
    text: "A path is relative, UTF-8, without `.`, `..`, backslash, colon, control or other reserved characters; a name is at most 255 bytes and does not end with a dot.",
    example: "`../../etc/passwd`, `C:\\x`, `a\\b.js`.",
    mend: "Rename the file.",
};
/// No two files have names that some phones take for one: equal, or different only in case or in Unicode normalization.
pub static TWIN: Rule = Rule {
    id: "OC010",
    name: "twin",
    severity: Severity::Error,
    source: "W3C MiniApp Packaging §4.4, file names",
    link: "https://www.w3.org/TR/miniapp-packaging/#file-names",
    text: "No two files have names that some phones take for one: equal, or different only in case or in Unicode normalization.",
    example: "`Map.js` beside `map.js`.",
    mend: "Rename one of them.",
};
/// A package holds no symbolic links.
pub static LINK: Rule = Rule {
    id: "OC011",
    name: "link",
    severity: Severity::Error,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-packaging/",
    text: "A package holds no symbolic links.",
    example: "A link to `/etc/passwd`.",
    mend: "Copy the file into the folder.",
};
/// No entry is encrypted.
pub static ENCRYPTED: Rule = Rule {
    id: "OC012",
    name: "encrypted",
    severity: Severity::Error,
    source: "W3C MiniApp Packaging §5.2, ZIP file requirements",
    link: "https://www.w3.org/TR/miniapp-packaging/#sec-miniapp-zip-file-requirements",
    text: "No entry is encrypted.",
    example: "An archive with a password.",
    mend: "Pack the folder with `onecity pack`.",
};
/// A package is one file, not one of several.
pub static SPANNED: Rule = Rule {
    id: "OC013",
    name: "spanned",
    severity: Severity::Error,
    source: "W3C MiniApp Packaging §5.2, ZIP file requirements",
    link: "https://www.w3.org/TR/miniapp-packaging/#sec-miniapp-zip-file-requirements",
    text: "A package is one file, not one of several.",
    example: "`report.z01`.",
    mend: "Pack the folder with `onecity pack`.",
};
/// Entries are stored or deflated.
pub static METHOD: Rule = Rule {
    id: "OC014",
    name: "method",
    severity: Severity::Error,
    source: "W3C MiniApp Packaging §5.2, ZIP file requirements",
    link: "https://www.w3.org/TR/miniapp-packaging/#sec-miniapp-zip-file-requirements",
    text: "Entries are stored or deflated.",
    example: "An entry packed with LZMA.",
    mend: "Pack the folder with `onecity pack`.",
};
/// Every file has the size and the checksum that the archive says.
pub static DAMAGED: Rule = Rule {
    id: "OC015",
    name: "damaged",
    severity: Severity::Error,
    source: "ZIP application note §4.4.7",
    link: "https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT",
    text: "Every file has the size and the checksum that the archive says.",
    example: "An archive with a byte altered on its way.",
    mend: "Pack the folder again.",
};
/// A package holds no archives: nobody can see what is in them.
pub static NESTED: Rule = Rule {
    id: "OC016",
    name: "nested-archive",
    severity: Severity::Error,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-packaging/",
    text: "A package holds no archives: nobody can see what is in them.",
    example: "`backup.zip` in the folder.",
    mend: "Put the files themselves into the folder, or leave the archive out.",
};
/// A file is what its name says: a web view is told its type by its name.
pub static WRONG_TYPE: Rule = Rule {
    id: "OC017",
    name: "wrong-type",
    severity: Severity::Error,
    source: "OneCity",
    link: "https://mimesniff.spec.whatwg.org/",
    text: "A file is what its name says: a web view is told its type by its name.",
    example: "An HTML page named `logo.png`.",
    mend: "Give the file the name of its type.",
};
/// A file's name ends with a type that a web view knows.
pub static UNKNOWN_TYPE: Rule = Rule {
    id: "OC018",
    name: "unknown-type",
    severity: Severity::Warning,
    source: "OneCity",
    link: "https://mimesniff.spec.whatwg.org/",
    text: "A file's name ends with a type that a web view knows.",
    example: "`notes.docx`.",
    mend: "Leave the file out, or give it the ending of its type.",
};
/// A package has a `manifest.json` at its top.
pub static MANIFEST_MISSING: Rule = Rule {
    id: "OC101",
    name: "manifest-missing",
    severity: Severity::Error,
    source: "W3C MiniApp Packaging §4.1, app files",
    link: "https://www.w3.org/TR/miniapp-packaging/#sec-miniapp-package-resources",
    text: "A package has a `manifest.json` at its top.",
    example: "A package of a folder that holds the folder.",
    mend: "Pack the folder that `manifest.json` is in.",
};
/// A manifest is at most 256 KiB.
pub static MANIFEST_SIZE: Rule = Rule {
    id: "OC102",
    name: "manifest-size",
    severity: Severity::Error,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-manifest/",
    text: "A manifest is at most 256 KiB.",
    example: "A manifest with a picture in it.",
    mend: "Put data into files of their own.",
};
/// A manifest is one JSON object in UTF-8, in which no member stands twice and nothing is nested deeper than 32 levels.
pub static MANIFEST_JSON: Rule = Rule {
    id: "OC103",
    name: "manifest-json",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §2",
    link: "https://www.w3.org/TR/miniapp-manifest/",
    text: "A manifest is one JSON object in UTF-8, in which no member stands twice and nothing is nested deeper than 32 levels.",
    example: "A comma behind the last member.",
    mend: "Mend the place that is named.",
};
/// The required members are there: `app_id`, `name`, `icons`, `pages`, `platform_version.min_code`, `version.code`, `version.name`, and `onecity.category`.
pub static MEMBER_MISSING: Rule = Rule {
    id: "OC104",
    name: "member-missing",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §5",
    link: "https://www.w3.org/TR/miniapp-manifest/#supplementary-manifest-members",
    text: "The required members are there: `app_id`, `name`, `icons`, `pages`, `platform_version.min_code`, `version.code`, `version.name`, and `onecity.category`.",
    example: "A manifest without `version`.",
    mend: "Add the member.",
};
/// Each member has the type and one of the values that the draft gives it.
pub static MEMBER_VALUE: Rule = Rule {
    id: "OC105",
    name: "member-value",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §5",
    link: "https://www.w3.org/TR/miniapp-manifest/#supplementary-manifest-members",
    text: "Each member has the type and one of the values that the draft gives it.",
    example: "`\"dir\": \"left\"`.",
    mend: "Give it one of the values that are named.",
};
/// `app_id` is 1 to 64 letters, digits, dots, hyphens or underscores and begins with a letter; it is part of an address.
pub static APP_ID: Rule = Rule {
    id: "OC106",
    name: "app-id",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §5.1, `app_id`",
    link: "https://www.w3.org/TR/miniapp-manifest/#app_id-member",
    text: "`app_id` is 1 to 64 letters, digits, dots, hyphens or underscores and begins with a letter; it is part of an address.",
    example: "`\"app_id\": \"../report\"`.",
    mend: "Use a form such as `org.example.report`.",
};
/// `name` is 1 to 64 characters; a name in any language, too.
pub static NAME_LENGTH: Rule = Rule {
    id: "OC107",
    name: "name",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §3.4, `name`",
    link: "https://www.w3.org/TR/miniapp-manifest/#name-member",
    text: "`name` is 1 to 64 characters; a name in any language, too.",
    example: "An empty name.",
    mend: "Say in a few words what residents do here.",
};
/// There are 1 to 16 icons, each a file of the package that is a picture of at most 64 KiB.
pub static ICONS: Rule = Rule {
    id: "OC108",
    name: "icons",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §3.2, `icons`",
    link: "https://www.w3.org/TR/miniapp-manifest/#icons-member",
    text: "There are 1 to 16 icons, each a file of the package that is a picture of at most 64 KiB.",
    example: "An icon at `https://city.example/icon.png`.",
    mend: "Put the icon into the package and name its path.",
};
/// `pages` names 1 to 200 pages of the package, none of them twice; the first is the entry.
pub static PAGES: Rule = Rule {
    id: "OC109",
    name: "pages",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §5.4, `pages`",
    link: "https://www.w3.org/TR/miniapp-manifest/#pages-member",
    text: "`pages` names 1 to 200 pages of the package, none of them twice; the first is the entry.",
    example: "`\"pages\": []`.",
    mend: "Name every page, with or without `.html`.",
};
/// `version.code` is a whole number from 1 to 4294967295 that grows with each release.
pub static VERSION_CODE: Rule = Rule {
    id: "OC110",
    name: "version-code",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §5.7, `version`",
    link: "https://www.w3.org/TR/miniapp-manifest/#version-member",
    text: "`version.code` is a whole number from 1 to 4294967295 that grows with each release.",
    example: "`\"code\": 0`.",
    mend: "Count up from 1.",
};
/// `onecity.category` is one word in small letters.
pub static CATEGORY: Rule = Rule {
    id: "OC111",
    name: "category",
    severity: Severity::Error,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-manifest/",
    text: "`onecity.category` is one word in small letters.",
    example: "`\"category\": \"\"`.",
    mend: "Use a word such as `transport`, `health` or `report`.",
};
/// `onecity.origins` are at most 16 origins, each `https://host[:port]` and nothing more.
pub static ORIGINS: Rule = Rule {
    id: "OC112",
    name: "origins",
    severity: Severity::Error,
    source: "OneCity",
    link: "https://www.rfc-editor.org/rfc/rfc6454",
    text: "`onecity.origins` are at most 16 origins, each `https://host[:port]` and nothing more.",
    example: "`https://city.example/api`.",
    mend: "Leave the path out.",
};
/// Members that no specification has are ignored, and most are a slip of the pen.
pub static UNKNOWN_MEMBER: Rule = Rule {
    id: "OC113",
    name: "unknown-member",
    severity: Severity::Warning,
    source: "W3C MiniApp Manifest §2",
    link: "https://www.w3.org/TR/miniapp-manifest/",
    text: "Members that no specification has are ignored, and most are a slip of the pen.",
    example: "`\"nmae\"`.",
    mend: "Mend the name or take the member out.",
};
/// An icon has a `label` for those who can't see it.
pub static ICON_LABEL: Rule = Rule {
    id: "OC114",
    name: "icon-label",
    severity: Severity::Warning,
    source: "W3C MiniApp Manifest §3.2, `icons`",
    link: "https://www.w3.org/TR/miniapp-manifest/#icons-member",
    text: "An icon has a `label` for those who can't see it.",
    example: "An icon with `src` alone.",
    mend: "Add `label`.",
};
/// `onecity.names` and `onecity.descriptions` have the service's name in `lang` and every language that the package's `i18n` folder has.
pub static LANGUAGES: Rule = Rule {
    id: "OC115",
    name: "languages",
    severity: Severity::Warning,
    source: "OneCity",
    link: "https://www.rfc-editor.org/info/bcp47",
    text: "`onecity.names` and `onecity.descriptions` have the service's name in `lang` and every language that the package's `i18n` folder has.",
    example: "`i18n/vi.json` without a Vietnamese name.",
    mend: "Add the name in that language.",
};
/// A permission says why, in words for the resident; `onecity.reasons` has them by language.
pub static PERMISSION_REASON: Rule = Rule {
    id: "OC116",
    name: "permission-reason",
    severity: Severity::Warning,
    source: "W3C MiniApp Manifest §5.6, `req_permissions`",
    link: "https://www.w3.org/TR/miniapp-manifest/#req_permissions-member",
    text: "A permission says why, in words for the resident; `onecity.reasons` has them by language.",
    example: "`{\"name\": \"passes\"}`.",
    mend: "Add `reason`.",
};
/// A widget has a name of its own and a path to a page of the package.
pub static WIDGETS: Rule = Rule {
    id: "OC117",
    name: "widgets",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §5.8, `widgets`",
    link: "https://www.w3.org/TR/miniapp-manifest/#widgets-member",
    text: "A widget has a name of its own and a path to a page of the package.",
    example: "Two widgets of one name.",
    mend: "Give each its name and path.",
};
/// A language is named by a BCP 47 tag.
pub static LANGUAGE_TAG: Rule = Rule {
    id: "OC118",
    name: "language-tag",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §3.3, `lang`",
    link: "https://www.w3.org/TR/miniapp-manifest/#lang-member",
    text: "A language is named by a BCP 47 tag.",
    example: "`\"lang\": \"Chinese\"`.",
    mend: "Write `zh`, `vi`, `en`, or a longer tag such as `zh-Hant`.",
};
/// The draft recommends names separated by dots, each of letters, digits and inner hyphens.
pub static APP_ID_FORM: Rule = Rule {
    id: "OC119",
    name: "app-id-form",
    severity: Severity::Note,
    source: "W3C MiniApp Manifest §5.1, `app_id`",
    link: "https://www.w3.org/TR/miniapp-manifest/#app_id-member",
    text: "The draft recommends names separated by dots, each of letters, digits and inner hyphens.",
    example: "`report_2`.",
    mend: "Write `report-2`, or `org.example.report`.",
};
/// A permission is asked for once.
pub static PERMISSION_TWICE: Rule = Rule {
    id: "OC120",
    name: "permission-twice",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §5.6, `req_permissions`",
    link: "https://www.w3.org/TR/miniapp-manifest/#req_permissions-member",
    text: "A permission is asked for once.",
    example: "Two entries named `passes`.",
    mend: "Take one of them out.",
};
/// `app.js` and `app.css` are there.
pub static FILE_MISSING: Rule = Rule {
    id: "OC201",
    name: "file-missing",
    severity: Severity::Error,
    source: "W3C MiniApp Packaging §4.1, app files",
    link: "https://www.w3.org/TR/miniapp-packaging/#sec-miniapp-package-resources",
    text: "`app.js` and `app.css` are there.",
    example: "A package without `app.css`.",
    mend: "Add the file; it may be empty.",
};
/// Every page and widget that the manifest names is a file.
pub static PAGE_MISSING: Rule = Rule {
    id: "OC202",
    name: "page-missing",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §5.4, `pages`",
    link: "https://www.w3.org/TR/miniapp-manifest/#pages-member",
    text: "Every page and widget that the manifest names is a file.",
    example: "`pages/map` without `pages/map.html`.",
    mend: "Add the page or take it out of the manifest.",
};
/// Every icon that the manifest names is a file.
pub static ICON_MISSING: Rule = Rule {
    id: "OC203",
    name: "icon-missing",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §3.2, `icons`",
    link: "https://www.w3.org/TR/miniapp-manifest/#icons-member",
    text: "Every icon that the manifest names is a file.",
    example: "`common/icon.png` that is not there.",
    mend: "Add the icon or mend its path.",
};
/// Every HTML file is a page or widget that the manifest names.
pub static UNDECLARED_PAGE: Rule = Rule {
    id: "OC204",
    name: "undeclared-page",
    severity: Severity::Error,
    source: "W3C MiniApp Manifest §5.4, `pages`",
    link: "https://www.w3.org/TR/miniapp-manifest/#pages-member",
    text: "Every HTML file is a page or widget that the manifest names.",
    example: "`pages/old/index.html` left over.",
    mend: "Name it in `pages` or leave it out.",
};
/// Files in `i18n` are named by language.
pub static I18N_NAME: Rule = Rule {
    id: "OC205",
    name: "i18n-name",
    severity: Severity::Warning,
    source: "W3C MiniApp Packaging §4.3, `i18n`",
    link: "https://www.w3.org/TR/miniapp-packaging/#i18n-directory",
    text: "Files in `i18n` are named by language.",
    example: "`i18n/chinese.json`.",
    mend: "Name it `i18n/zh.json`.",
};
/// `onecity.seed` is a JSON file of the package: an object of at most 256 KiB.
pub static SEED: Rule = Rule {
    id: "OC206",
    name: "seed",
    severity: Severity::Error,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-manifest/",
    text: "`onecity.seed` is a JSON file of the package: an object of at most 256 KiB.",
    example: "A `seed` that is not there.",
    mend: "Add the file or take the member out.",
};
/// `onecity.js` is the phone's own and not in the package.
pub static PAGE_API: Rule = Rule {
    id: "OC207",
    name: "page-api",
    severity: Severity::Error,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-manifest/",
    text: "`onecity.js` is the phone's own and not in the package.",
    example: "An old copy of `onecity.js` in the folder.",
    mend: "Leave it out; every phone serves it at `/onecity.js`.",
};
/// A file of data can be read as JSON, and no member stands twice.
pub static JSON_FILE: Rule = Rule {
    id: "OC208",
    name: "json-file",
    severity: Severity::Warning,
    source: "RFC 8259",
    link: "https://www.rfc-editor.org/rfc/rfc8259",
    text: "A file of data can be read as JSON, and no member stands twice.",
    example: "A comma behind the last member of `i18n/en.json`.",
    mend: "Mend the place that is named.",
};
/// A page loads nothing from elsewhere.
pub static EXTERNAL: Rule = Rule {
    id: "OC301",
    name: "external-resource",
    severity: Severity::Error,
    source: "Content Security Policy 3 §6.1",
    link: "https://www.w3.org/TR/CSP3/#directive-default-src",
    text: "A page loads nothing from elsewhere.",
    example: "`<script src=\"https://cdn.example/x.js\">`.",
    mend: "Put the file into the package; ask the back end through `onecity.request`.",
};
/// A page has no script in itself: the phone does not run it.
pub static INLINE_SCRIPT: Rule = Rule {
    id: "OC302",
    name: "inline-script",
    severity: Severity::Error,
    source: "Content Security Policy 3 §6.1.11",
    link: "https://www.w3.org/TR/CSP3/#directive-script-src",
    text: "A page has no script in itself: the phone does not run it.",
    example: "`<script>start()</script>`.",
    mend: "Move it to a file; `onecity import` does.",
};
/// A page has no style in itself: the phone does not apply it.
pub static INLINE_STYLE: Rule = Rule {
    id: "OC303",
    name: "inline-style",
    severity: Severity::Error,
    source: "Content Security Policy 3 §6.1.14",
    link: "https://www.w3.org/TR/CSP3/#directive-style-src",
    text: "A page has no style in itself: the phone does not apply it.",
    example: "`<p style=\"color: red\">`.",
    mend: "Move it to a style sheet; `onecity import` does.",
};
/// A page has no handlers in attributes.
pub static HANDLER: Rule = Rule {
    id: "OC304",
    name: "event-handler",
    severity: Severity::Error,
    source: "Content Security Policy 3 §6.1.12",
    link: "https://www.w3.org/TR/CSP3/#directive-script-src-attr",
    text: "A page has no handlers in attributes.",
    example: "`<button onclick=\"send()\">`.",
    mend: "Use `addEventListener` in a script file.",
};
/// What a page names is in the package.
pub static BROKEN_LINK: Rule = Rule {
    id: "OC305",
    name: "broken-link",
    severity: Severity::Error,
    source: "HTML §2.4",
    link: "https://html.spec.whatwg.org/multipage/urls-and-fetching.html",
    text: "What a page names is in the package.",
    example: "`<img src=\"/logo.png\">` without the file.",
    mend: "Add the file or mend the path.",
};
/// A page has no frames and no plug-ins.
pub static FRAME: Rule = Rule {
    id: "OC306",
    name: "frame",
    severity: Severity::Error,
    source: "Content Security Policy 3 §6.4.2",
    link: "https://www.w3.org/TR/CSP3/#directive-frame-src",
    text: "A page has no frames and no plug-ins.",
    example: "`<iframe src=\"map.html\">`.",
    mend: "Make it a page of its own.",
};
/// A form is sent by a script, with `onecity.submit`, and never by the browser.
pub static FORM_ACTION: Rule = Rule {
    id: "OC307",
    name: "form-action",
    severity: Severity::Error,
    source: "Content Security Policy 3 §6.3.1",
    link: "https://www.w3.org/TR/CSP3/#directive-form-action",
    text: "A form is sent by a script, with `onecity.submit`, and never by the browser.",
    example: "`<form action=\"https://city.example/send\">`.",
    mend: "Take `action` out and listen for `submit`.",
};
/// A script makes no code from text: the phone does not run it.
pub static EVAL: Rule = Rule {
    id: "OC308",
    name: "eval",
    severity: Severity::Warning,
    source: "Content Security Policy 3 §6.1.11",
    link: "https://www.w3.org/TR/CSP3/#directive-script-src",
    text: "A script makes no code from text: the phone does not run it.",
    example: "`new Function(\"return 1\")`.",
    mend: "Write the function out; build without `eval` source maps.",
};
/// Service workers do not run: the phone itself keeps a service for when there is no network.
pub static WORKER: Rule = Rule {
    id: "OC309",
    name: "worker",
    severity: Severity::Warning,
    source: "OneCity",
    link: "https://www.w3.org/TR/CSP3/#directive-worker-src",
    text: "Service workers do not run: the phone itself keeps a service for when there is no network.",
    example: "`navigator.serviceWorker.register(...)`.",
    mend: "Take it out.",
};
/// A script reaches the network only through `onecity.request` and `onecity.submit`, to the origins that the manifest declares.
pub static CONNECTION: Rule = Rule {
    id: "OC310",
    name: "connection",
    severity: Severity::Warning,
    source: "Content Security Policy 3 §6.1.2",
    link: "https://www.w3.org/TR/CSP3/#directive-connect-src",
    text: "A script reaches the network only through `onecity.request` and `onecity.submit`, to the origins that the manifest declares.",
    example: "`fetch(\"https://city.example/api\")`, `new WebSocket(...)`.",
    mend: "Use `onecity.request(url)` and declare the origin.",
};
/// A page is of no origin: `localStorage` lives as long as the page, cookies and databases are refused.
pub static VOLATILE: Rule = Rule {
    id: "OC311",
    name: "volatile-storage",
    severity: Severity::Note,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-manifest/",
    text: "A page is of no origin: `localStorage` lives as long as the page, cookies and databases are refused.",
    example: "`localStorage.setItem(...)`.",
    mend: "Keep values with `onecity.storage.set`.",
};
/// A page names its language.
pub static PAGE_LANG: Rule = Rule {
    id: "OC312",
    name: "page-language",
    severity: Severity::Warning,
    source: "WCAG 2.2 §3.1.1",
    link: "https://www.w3.org/TR/WCAG22/#language-of-page",
    text: "A page names its language.",
    example: "`<html>` without `lang`.",
    mend: "Write `<html lang=\"zh\">`.",
};
/// A page fits a phone and can be made larger.
pub static VIEWPORT: Rule = Rule {
    id: "OC313",
    name: "viewport",
    severity: Severity::Warning,
    source: "WCAG 2.2 §1.4.10",
    link: "https://www.w3.org/TR/WCAG22/#reflow",
    text: "A page fits a phone and can be made larger.",
    example: "A page without `<meta name=\"viewport\">`, or with `user-scalable=no`.",
    mend: "Add `<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">`.",
};
/// A picture has a text for those who can't see it; an empty one if it only decorates.
pub static ALT: Rule = Rule {
    id: "OC314",
    name: "text-for-picture",
    severity: Severity::Warning,
    source: "WCAG 2.2 §1.1.1",
    link: "https://www.w3.org/TR/WCAG22/#non-text-content",
    text: "A picture has a text for those who can't see it; an empty one if it only decorates.",
    example: "`<img src=\"map.png\">`.",
    mend: "Add `alt`.",
};
/// A page has no `<base>`.
pub static BASE: Rule = Rule {
    id: "OC315",
    name: "base",
    severity: Severity::Error,
    source: "Content Security Policy 3 §6.3.2",
    link: "https://www.w3.org/TR/CSP3/#directive-base-uri",
    text: "A page has no `<base>`.",
    example: "`<base href=\"/app/\">`.",
    mend: "Take it out; build with relative paths.",
};
/// A page has a title.
pub static PAGE_TITLE: Rule = Rule {
    id: "OC316",
    name: "page-title",
    severity: Severity::Warning,
    source: "WCAG 2.2 §2.4.2",
    link: "https://www.w3.org/TR/WCAG22/#page-titled",
    text: "A page has a title.",
    example: "A page without `<title>`.",
    mend: "Add one; a script may replace it by the resident's language.",
};
/// A link to another site is not followed: a service ends at its package and its city.
pub static LINK_OUT: Rule = Rule {
    id: "OC318",
    name: "link-out",
    severity: Severity::Warning,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-manifest/",
    text: "A link to another site is not followed: a service ends at its package and its city.",
    example: "`<a href=\"https://city.example/\">`.",
    mend: "Say the address in words, or put what it leads to into the package.",
};
/// An address in a script or a file of data is at one of the origins that the manifest declares.
pub static UNDECLARED_ORIGIN: Rule = Rule {
    id: "OC317",
    name: "undeclared-origin",
    severity: Severity::Warning,
    source: "OneCity",
    link: "https://www.w3.org/TR/miniapp-manifest/",
    text: "An address in a script or a file of data is at one of the origins that the manifest declares.",
    example: "`https://api.city.example` in `app.js`, not in `onecity.origins`.",
    mend: "Declare the origin if the service asks it for something; an address that is only shown may stay.",
};

/// All rules by id.
pub static CATALOGUE: &[&Rule] = &[
    &NOT_A_ZIP,
    &PACKAGE_SIZE,
    &STRAY_BYTES,
    &OVERLAP,
    &OUT_OF_ORDER,
    &TOO_MANY_ENTRIES,
    &ENTRY_SIZE,
    &RATIO,
    &PATH,
    &TWIN,
    &LINK,
    &ENCRYPTED,
    &SPANNED,
    &METHOD,
    &DAMAGED,
    &NESTED,
    &WRONG_TYPE,
    &UNKNOWN_TYPE,
    &MANIFEST_MISSING,
    &MANIFEST_SIZE,
    &MANIFEST_JSON,
    &MEMBER_MISSING,
    &MEMBER_VALUE,
    &APP_ID,
    &NAME_LENGTH,
    &ICONS,
    &PAGES,
    &VERSION_CODE,
    &CATEGORY,
    &ORIGINS,
    &UNKNOWN_MEMBER,
    &ICON_LABEL,
    &LANGUAGES,
    &PERMISSION_REASON,
    &WIDGETS,
    &LANGUAGE_TAG,
    &APP_ID_FORM,
    &PERMISSION_TWICE,
    &FILE_MISSING,
    &PAGE_MISSING,
    &ICON_MISSING,
    &UNDECLARED_PAGE,
    &I18N_NAME,
    &SEED,
    &PAGE_API,
    &JSON_FILE,
    &EXTERNAL,
    &INLINE_SCRIPT,
    &INLINE_STYLE,
    &HANDLER,
    &BROKEN_LINK,
    &FRAME,
    &FORM_ACTION,
    &EVAL,
    &WORKER,
    &CONNECTION,
    &VOLATILE,
    &PAGE_LANG,
    &VIEWPORT,
    &ALT,
    &BASE,
    &PAGE_TITLE,
    &LINK_OUT,
    &UNDECLARED_ORIGIN,
];
