//! Every call of the page API, described once. `onecity.d.ts` and `docs/page-api.md` are made from this; a test holds
//! them, the script and [`super::BridgeCall`] to it.

use crate::manifest::Permission;

/// A call of the page API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Its name on the bridge.
    pub method: &'static str,
    /// Where it is in `onecity`, with its parameters and what it resolves to, in TypeScript.
    pub signature: &'static str,
    /// What it does.
    pub does: &'static str,
    /// Which permission of the manifest it needs, beside the resident's consent.
    pub permission: Option<Permission>,
    /// What it can be refused with, beside what every call can.
    pub errors: &'static [&'static str],
}

/// What every call can be refused with.
#[cfg(test)]
pub(crate) const COMMON_ERRORS: [&str; 5] = ["invalid_call", "busy", "closed", "storage_full", "unavailable"];

/// What each code means, and what a page does about it.
pub const ERRORS: &[(&str, &str)] = &[
    ("invalid_call", "The call is not one of these, or a parameter has another form. Mend the page."),
    ("busy", "Too many calls at once, or within a second. Wait for answers before asking more."),
    ("closed", "The service has been closed or taken down. Nothing is left to do."),
    ("not_shown", "Only what is on the screen may ask the resident. Ask when the `shown` event comes."),
    (
        "network",
        "There is no network, or the city does not answer. What was submitted waits by itself; else offer to try again.",
    ),
    (
        "login_required",
        "Nobody is logged in, the login has lapsed, or another account is in use. Say so: the resident logs in in the app, and opens the service again.",
    ),
    ("step_up_required", "A stronger login is needed. The app offers it; try again afterwards."),
    ("consent", "The resident did not agree. Go on without, or say what it is for and offer to ask again."),
    (
        "not_declared",
        "The manifest does not ask for this permission, or does not declare this origin. Mend the manifest.",
    ),
    ("not_found", "There is no such pass, document, photo or service here."),
    ("not_offered", "It is not offered in this region, or by this phone."),
    ("issuance", "The issuer did not issue the pass; the message says why."),
    ("quota", "The service has used up what it may keep, or the value is too large. Remove something first."),
    ("already_sent", "The city has it, or may have it. Ask the city."),
    ("document_expired", "The document no longer counts. Ask the resident for a new one."),
    ("login_denied", "The identity provider does not let this service know who the resident is. Go on without."),
    ("wrong_issuer", "The pass's issuer is not what the registry names. Nothing was issued; report it to the city."),
    ("pass_expired", "The pass has expired and could not be renewed. Ask again with a network."),
    ("storage_full", "The phone has no room left. The resident has to free some."),
    ("cancelled", "The resident went back without choosing."),
    ("not_genuine", "What the city returned is not signed as it must be. Nothing was kept; report it to the city."),
    ("unavailable", "It does not work just now; trying again may help."),
];

/// Types that the signatures name.
#[cfg(test)]
pub(crate) const TYPES: &str = r#"/** Why a call was refused. `code` is one of those in docs/page-api.md, `message` a sentence for people. */
export interface Refusal { code: string; message: string; acr?: string }
/** Anything that JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };
/** Where the page runs. */
export interface Info {
  region: string; region_name: string; languages: string[]; service: string; version: string;
  /** Where the service is to begin, if a link or another service opened it. */
  launch: { query: string; data: Json; from: string | null };
  /** Whether somebody is logged in, and as what. */
  account: null | "person" | "enterprise";
}
/** How far an answer can be relied on; `since` is in seconds since 1970. */
export interface Freshness { state: "fresh" | "stale" | "offline"; since: number }
export interface Answer { status: number; body: Json; freshness: Freshness }
export interface RequestOptions {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: Json;
  /** `accept-language`, `cache-control`, `if-match`, `if-none-match`, `prefer`, and names that begin with `x-`. */
  headers?: Record<string, string>;
}
export interface SubmitOptions { attachments?: string[]; documents?: string[] }
/** What the city did. `due` is when it means to have taken the next step, in seconds since 1970, if it says so. */
export interface TimelineEntry { at: number; status: string; text: string; due?: number }
export interface Submission {
  id: string; title: string; created: number; timeline: TimelineEntry[];
  state: "waiting" | "delivered" | "refused"; reason?: string; receipt?: Json;
  pending?: "network" | "login" | "step_up" | "consent" | "storage";
}
export interface Draft { title: string; body: Json; by: string | null; expires: number | null }
export interface Pass { id: string; title: string; expires: number; holder: string | null }
export interface Document { id: string; type: string; title: string; issuer: string; expires: number | null }
export interface Photo { id: string; name: string; media_type: string; size: number }
/** Degrees (WGS 84) and metres. */
export interface Position { latitude: number; longitude: number; accuracy: number }
export interface Order { order: string; url: string; amount: number; currency: string }
export interface Receipt { order: string; amount: number; currency: string; paid_at: number; payee: string }
/** What happens to the service (W3C MiniApp Lifecycle). */
export interface LifecycleEvent { type: "launched" | "shown" | "hidden" | "unloaded" }
"#;

/// All calls, in the order of the documentation.
pub const CALLS: &[Call] = &[
    Call {
        method: "ready",
        signature: "",
        does: "Said by `onecity.js` itself once the page has loaded without an error: this version of the service works and may stay.",
        permission: None,
        errors: &[],
    },
    Call {
        method: "next_event",
        signature: "on(type: LifecycleEvent[\"type\"], listener: (event: LifecycleEvent) => void): void",
        does: "Calls `listener` whenever the service is launched, shown, hidden or unloaded. Save what must not be lost when it is hidden.",
        permission: None,
        errors: &[],
    },
    Call {
        method: "info",
        signature: "info(): Promise<Info>",
        does: "Where, in what languages, in which service and for whom the page runs.",
        permission: None,
        errors: &[],
    },
    Call {
        method: "login",
        signature: "login(): Promise<{ fields: string[] }>",
        does: "Lets the back end know who the resident is, after they have agreed to exactly the fields that the manifest names. From then on the core puts a token for this service on its requests; the page never sees one.",
        permission: Some(Permission::Login),
        errors: &["login_required", "step_up_required", "consent", "not_declared", "not_shown"],
    },
    Call {
        method: "request",
        signature: "request(url: string, options?: RequestOptions): Promise<Answer>",
        does: "Asks the city's back end. Answers to GET are kept by the rules of RFC 9111, sealed, for this account and service alone: what was seen once is there without a network, and says how old it is.",
        permission: None,
        errors: &["network", "not_declared", "login_required", "login_denied", "step_up_required", "consent"],
    },
    Call {
        method: "submit",
        signature: "submit(url: string, title: string, body: Json, options?: SubmitOptions): Promise<{ id: string }>",
        does: "Hands something in. It is sealed on the phone when the promise resolves, and is sent once, in the order of the service's submissions, with or without a network now. If the resident agreed to `login` before, it goes with the service's token. The service's draft is removed.",
        permission: None,
        errors: &[
            "not_declared",
            "not_found",
            "quota",
            "login_required",
            "step_up_required",
            "consent",
            "document_expired",
            "not_genuine",
        ],
    },
    Call {
        method: "submissions_list",
        signature: "submissions.list(): Promise<Submission[]>",
        does: "What the resident has handed in through this service, newest first, with what became of it.",
        permission: None,
        errors: &["login_required"],
    },
    Call {
        method: "storage_get",
        signature: "storage.get(key: string): Promise<Json>",
        does: "A value of the service's own sealed storage; what the manifest's `seed` says, or null, if there is none.",
        permission: None,
        errors: &["login_required"],
    },
    Call {
        method: "storage_set",
        signature: "storage.set(key: string, value: Json): Promise<null>",
        does: "Keeps a value of at most 64 KiB; null removes it. All values of a service together: 5 MiB.",
        permission: None,
        errors: &["quota", "login_required"],
    },
    Call {
        method: "storage_keys",
        signature: "storage.keys(): Promise<string[]>",
        does: "The keys that have a value.",
        permission: None,
        errors: &["login_required"],
    },
    Call {
        method: "draft_get",
        signature: "draft.get(): Promise<Draft | null>",
        does: "The form that was begun, here or by a helper on another phone: `by` is then the helper's own word for who they are. The resident looks it over and submits it.",
        permission: None,
        errors: &["login_required"],
    },
    Call {
        method: "draft_set",
        signature: "draft.set(title: string, body: Json): Promise<null>",
        does: "Keeps the form as far as it is filled in, sealed; a null body removes it. It survives the app's end.",
        permission: None,
        errors: &["quota", "login_required"],
    },
    Call {
        method: "draft_hand_over",
        signature: "draft.handOver(): Promise<null>",
        does: "Shows the draft as a QR code that another phone takes over within ten minutes, to be looked over and submitted there. No login, token or document goes with it.",
        permission: None,
        errors: &["not_found", "quota", "not_shown", "login_required"],
    },
    Call {
        method: "passes_add",
        signature: "passes.add(passType: string): Promise<Pass>",
        does: "Adds a pass that the service's region issues, or finds the one that is there.",
        permission: Some(Permission::Passes),
        errors: &[
            "login_required",
            "consent",
            "not_declared",
            "not_found",
            "issuance",
            "wrong_issuer",
            "not_genuine",
            "login_denied",
            "step_up_required",
            "network",
            "not_shown",
        ],
    },
    Call {
        method: "passes_list",
        signature: "passes.list(passType: string): Promise<Pass[]>",
        does: "The resident's passes of one type, of this part of the country.",
        permission: Some(Permission::Passes),
        errors: &["consent", "not_declared", "login_required", "not_shown"],
    },
    Call {
        method: "passes_show",
        signature: "passes.show(id: string): Promise<null>",
        does: "Shows a pass full screen. The page never sees its code.",
        permission: Some(Permission::Passes),
        errors: &["consent", "not_declared", "not_found", "login_required", "not_shown"],
    },
    Call {
        method: "documents_request",
        signature: "documents.request(types: string[]): Promise<Document[]>",
        does: "The documents of these types that the resident has, after they have agreed to this service using them. The page sees what they are called, never what is in them; name them in `submit` and the core hands them in.",
        permission: Some(Permission::Documents),
        errors: &["consent", "not_declared", "login_required", "not_shown"],
    },
    Call {
        method: "documents_keep",
        signature: "documents.keep(document: string): Promise<Document>",
        does: "Keeps a signed document that the back end returned (an SD-JWT VC by an issuer of the region's trust list), for the resident to show, share and hand in again.",
        permission: Some(Permission::Documents),
        errors: &["not_genuine", "not_found", "not_declared", "login_required", "quota", "not_shown"],
    },
    Call {
        method: "scan",
        signature: "scan(): Promise<{ text: string }>",
        does: "Lets the resident scan a code with the camera.",
        permission: Some(Permission::Scan),
        errors: &["consent", "not_declared", "cancelled", "login_required", "not_shown"],
    },
    Call {
        method: "locate",
        signature: "locate(): Promise<Position>",
        does: "Where the phone is.",
        permission: Some(Permission::Locate),
        errors: &["consent", "not_declared", "cancelled", "login_required", "not_shown"],
    },
    Call {
        method: "pick_photo",
        signature: "pickPhoto(): Promise<Photo>",
        does: "Lets the resident take or choose a photo of at most 20 MiB. It is sealed at once; name it in `submit`.",
        permission: Some(Permission::Photos),
        errors: &["consent", "not_declared", "cancelled", "quota", "login_required", "not_shown"],
    },
    Call {
        method: "share",
        signature: "share(text: string, url?: string): Promise<null>",
        does: "Opens the phone's own sheet for sharing; the resident chooses whom with.",
        permission: None,
        errors: &["cancelled", "login_required", "not_shown"],
    },
    Call {
        method: "navigate",
        signature: "navigate(url: string): Promise<null>",
        does: "Dials a `tel:` number or opens an `https:` address in the system browser, after the app has shown where to.",
        permission: None,
        errors: &["cancelled", "login_required", "not_shown"],
    },
    Call {
        method: "open_service",
        signature: "openService(uri: string, data?: Json): Promise<Json>",
        does: "Opens another mini-service by its MiniApp URI, `onecity://miniapp/UNIT:APP_ID/PAGE?QUERY`, and resolves to what it finishes with. The other one finds `data`, and which service it comes from, in `info().launch`.",
        permission: None,
        errors: &["not_offered", "cancelled", "login_required", "not_shown"],
    },
    Call {
        method: "finish",
        signature: "finish(result?: Json): Promise<null>",
        does: "Ends this service and goes back to the one that opened it.",
        permission: None,
        errors: &["login_required"],
    },
    Call {
        method: "pay",
        signature: "pay(order: Order): Promise<Receipt>",
        does: "Opens the city's payment page in the system browser and resolves to the receipt, once its signature, order and amount have been found right. A receipt that is not genuine is no answer: after half an hour it is `cancelled`. If the page is gone by the time that it is paid, `receipt` has it.",
        permission: None,
        errors: &["not_declared", "cancelled", "login_required", "not_shown"],
    },
    Call {
        method: "receipt",
        signature: "receipt(order: string): Promise<Receipt | null>",
        does: "The receipt of an order of this service, if it was paid.",
        permission: None,
        errors: &["login_required"],
    },
];

/// The codes that a call can be refused with.
#[cfg(test)]
pub(crate) fn errors_of(call: &Call) -> impl Iterator<Item = &'static str> {
    COMMON_ERRORS.iter().chain(call.errors).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::PAGE_TYPES;
    use std::collections::BTreeMap;
    use std::fmt::Write;
    use std::path::Path;

    /// `onecity.d.ts`, made from the above.
    fn types() -> String {
        let mut groups: BTreeMap<&str, Vec<(&Call, &str)>> = BTreeMap::new();
        let mut text = String::from(
            "// The types of OneCity's page API. Made from core/protocol/src/bridge/api.rs; docs/page-api.md explains it.\n\n",
        );
        text.push_str(TYPES);
        text.push_str("\nexport interface OneCity {\n");
        let mut order = Vec::new();
        for call in CALLS.iter().filter(|call| !call.signature.is_empty()) {
            let name = call.signature.split('(').next().unwrap_or_default();
            let (group, signature) = match name.split_once('.') {
                Some((group, _)) => (group, &call.signature[group.len() + 1..]),
                None => ("", call.signature),
            };
            if !order.contains(&group) {
                order.push(group);
            }
            groups.entry(group).or_default().push((call, signature));
        }
        for group in order {
            let indent = if group.is_empty() { "  " } else { "    " };
            if !group.is_empty() {
                let _ = writeln!(text, "  {group}: {{");
            }
            for (call, signature) in &groups[group] {
                let _ = writeln!(text, "{indent}/** {} */\n{indent}{signature};", call.does);
            }
            if !group.is_empty() {
                text.push_str("  };\n");
            }
        }
        text.push_str("}\n\ndeclare global {\n  const onecity: Readonly<OneCity>;\n}\n");
        text
    }

    /// The calls' part of `docs/page-api.md`, made from the above.
    fn reference() -> String {
        let mut text = String::new();
        for call in CALLS {
            let name = call.signature.split('(').next().filter(|name| !name.is_empty()).unwrap_or(call.method);
            let _ = writeln!(text, "### {name}\n");
            if !call.signature.is_empty() {
                let _ = writeln!(text, "```ts\nonecity.{}\n```\n", call.signature);
            }
            let _ = writeln!(text, "{}\n", call.does);
            if let Some(permission) = call.permission {
                let _ = writeln!(text, "Permission: `{}`.\n", permission.name());
            }
            if !call.errors.is_empty() {
                let errors: Vec<String> = call.errors.iter().map(|code| format!("`{code}`")).collect();
                let _ = writeln!(text, "Refused with: {}.\n", errors.join(", "));
            }
        }
        text.push_str("## What a refusal means\n\n");
        let common: Vec<String> = COMMON_ERRORS.iter().map(|code| format!("`{code}`")).collect();
        let _ = writeln!(text, "Every call can be refused with {}.\n", common.join(", "));
        text.push_str("| code | what it means, and what to do |\n| --- | --- |\n");
        for (code, meaning) in ERRORS {
            let _ = writeln!(text, "| `{code}` | {meaning} |");
        }
        let _ = writeln!(text, "\n## Types\n\n```ts\n{TYPES}```");
        text
    }

    const BEGIN: &str = "<!-- made from core/protocol/src/bridge/api.rs -->\n";
    const END: &str = "<!-- end of what is made -->\n";

    #[test]
    fn the_types_and_the_documentation_are_what_the_calls_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let page = root.join("docs/page-api.md");
        let before = std::fs::read_to_string(&page).expect("docs/page-api.md");
        let (head, rest) = before.split_once(BEGIN).expect("where the reference begins");
        let (_, tail) = rest.split_once(END).expect("where it ends");
        let made = format!("{head}{BEGIN}\n{}\n{END}{tail}", reference());
        if std::env::var_os("ONECITY_WRITE_DOCS").is_some() {
            std::fs::write(&page, &made).expect("written");
            std::fs::write(root.join("core/protocol/src/bridge/onecity.d.ts"), types()).expect("written");
            return;
        }
        assert_eq!(before, made, "write it again with ONECITY_WRITE_DOCS=1");
        assert_eq!(PAGE_TYPES, types(), "write it again with ONECITY_WRITE_DOCS=1");
    }

    #[test]
    fn every_code_that_a_call_names_is_explained() {
        let explained: Vec<&str> = ERRORS.iter().map(|(code, _)| *code).collect();
        for code in CALLS.iter().flat_map(errors_of) {
            assert!(explained.contains(&code), "{code}");
        }
    }
}
