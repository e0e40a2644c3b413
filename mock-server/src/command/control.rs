//! The controls of a server that runs, from the command line: each command is one call of its API.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use mock_server::Preset;
use reqwest::{Client, Method, Url};
use serde_json::{Map, Value, json};

/// Which server, and which of its worlds.
#[derive(Args)]
pub(crate) struct Target {
    /// The server.
    #[arg(long, global = true, default_value = "http://127.0.0.1:8787", env = "ONECITY_SERVER")]
    server: Url,
    /// The world.
    #[arg(long, global = true, default_value = "default")]
    world: String,
    /// The admin token: of a server on another machine, or of the one that is started.
    #[arg(long, global = true, env = "ONECITY_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Prints what the server says as it is.
    #[arg(long, global = true)]
    json: bool,
}

impl Target {
    /// Whether what is said is for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The admin token, if one is said.
    pub(crate) fn token(&self) -> Option<String> {
        self.token.clone()
    }
}

/// What is asked of a server that runs.
#[derive(Subcommand)]
pub(crate) enum Control {
    /// Show the clock, or change it.
    Clock {
        /// Jump by so much: 90s, 15m, 2h, 3d; with a hyphen before it, back.
        #[arg(long, allow_hyphen_values = true, value_parser = seconds)]
        jump: Option<i64>,
        /// Set it to a time (RFC 3339).
        #[arg(long)]
        time: Option<String>,
        /// Freeze the clock.
        #[arg(long, conflicts_with = "speed")]
        freeze: bool,
        /// Let it go at another speed: 1 is real time, 0 freezes it.
        #[arg(long)]
        speed: Option<f64>,
        /// Go by the machine's time again.
        #[arg(long)]
        machine_time: bool,
    },
    /// What goes wrong; a name, or a rule as JSON, begins it.
    Fault {
        /// A preset's name, or a rule as JSON.
        begin: Option<String>,
        /// Ends a rule or preset by its name.
        #[arg(long, conflicts_with = "begin")]
        end: Option<String>,
        /// Ends all of it.
        #[arg(long, conflicts_with_all = ["begin", "end"])]
        end_all: bool,
    },
    /// What can be begun by name.
    Presets,
    /// What has arrived.
    Journal {
        /// The method.
        #[arg(long)]
        method: Option<String>,
        /// The path, as a pattern.
        #[arg(long)]
        path: Option<String>,
        /// The answer's status.
        #[arg(long)]
        status: Option<u16>,
        /// Whose request it was.
        #[arg(long)]
        persona: Option<String>,
        /// The unit that was asked.
        #[arg(long)]
        unit: Option<String>,
        /// The virtual phone that it came from.
        #[arg(long)]
        phone: Option<String>,
        /// The identity provider that was asked.
        #[arg(long)]
        provider: Option<String>,
        /// A rule that has struck it, or a preset, by its name.
        #[arg(long)]
        fault: Option<String>,
        /// Text that the request's body holds.
        #[arg(long)]
        body_contains: Option<String>,
        /// The newest so many; 100 unless it is said, and all of them as an archive.
        #[arg(long)]
        most: Option<usize>,
        /// Prints an HTTP Archive.
        #[arg(long)]
        har: bool,
        /// Prints what arrives from now on, as it arrives.
        #[arg(long, conflicts_with_all = ["har", "most"])]
        live: bool,
    },
    /// Answers in the place of cities' back ends; one as JSON is added.
    Stub {
        /// A stub as JSON.
        add: Option<String>,
        /// Takes one away by its name.
        #[arg(long, conflicts_with = "add")]
        remove: Option<String>,
        /// Takes all away, and what was recorded.
        #[arg(long, conflicts_with_all = ["add", "remove"])]
        clear: bool,
    },
    /// Prints all that has happened as one file, without secrets, for `replay`.
    Capsule,
    /// Lets access tokens expire now.
    ExpireTokens {
        /// Whose; without it, everybody's.
        #[arg(long)]
        persona: Option<String>,
    },
    /// Ends sessions.
    EndSessions {
        /// Whose; without it, everybody's.
        #[arg(long)]
        persona: Option<String>,
    },
    /// Makes a world as it was at first, with the same keys.
    Reset,
    /// All worlds; with a name, one more.
    Worlds {
        /// Add one of this name; --seed decides its ids and random draws.
        #[arg(long)]
        add: Option<String>,
        /// Remove one.
        #[arg(long, conflicts_with = "add")]
        remove: Option<String>,
    },
}

/// A span of time in seconds.
fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text} is no span of time: write 90s, 15m, 2h or 3d");
    let (number, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)
}

/// One call.
struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    said: Option<Value>,
}

impl Call {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), said: None }
    }

    fn asking(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    fn saying(mut self, said: Value) -> Self {
        self.said = Some(said);
        self
    }
}

impl Control {
    fn call(&self, world: &str, seed: u64) -> Result<Call, String> {
        let of = |path: &str| format!("worlds/{world}/{path}");
        Ok(match self {
            Self::Clock { jump, time, freeze, speed, machine_time } => {
                let mut change = Map::new();
                if *machine_time {
                    change.insert("follow_machine".to_owned(), true.into());
                }
                if let Some(time) = time {
                    change.insert("time".to_owned(), time.as_str().into());
                }
                if let Some(jump) = jump {
                    change.insert("jump_seconds".to_owned(), (*jump).into());
                }
                if let Some(speed) = if *freeze { Some(0.0) } else { *speed } {
                    change.insert("speed".to_owned(), speed.into());
                }
                match change.is_empty() {
                    true => Call::new(Method::GET, of("clock")),
                    false => Call::new(Method::PATCH, of("clock")).saying(change.into()),
                }
            }
            Self::Fault { end_all: true, .. } => Call::new(Method::DELETE, of("faults")),
            Self::Fault { end: Some(end), .. } => Call::new(Method::DELETE, of(&format!("faults/{end}"))),
            Self::Fault { begin: Some(begin), .. } if begin.trim_start().starts_with('{') => {
                let rule: Value = serde_json::from_str(begin).map_err(|error| format!("the rule: {error}"))?;
                Call::new(Method::POST, of("faults")).saying(rule)
            }
            Self::Fault { begin: Some(begin), .. } => {
                let preset = <Preset as clap::ValueEnum>::from_str(begin, false)
                    .map_err(|_| format!("there is no preset {begin}; `presets` lists them"))?;
                Call::new(Method::PUT, of(&format!("presets/{}", preset.name())))
            }
            Self::Fault { .. } => Call::new(Method::GET, of("faults")),
            Self::Presets => Call::new(Method::GET, "presets"),
            Self::Stub { clear: true, .. } => Call::new(Method::DELETE, of("stubs")),
            Self::Stub { remove: Some(id), .. } => Call::new(Method::DELETE, of(&format!("stubs/{id}"))),
            Self::Stub { add: Some(stub), .. } => {
                let stub: Value = serde_json::from_str(stub).map_err(|error| format!("the stub: {error}"))?;
                Call::new(Method::POST, of("stubs")).saying(stub)
            }
            Self::Stub { .. } => Call::new(Method::GET, of("stubs")),
            Self::Journal {
                method,
                path,
                status,
                persona,
                unit,
                phone,
                provider,
                fault,
                body_contains,
                most,
                har,
                live,
            } => {
                let of_the_journal = match (har, live) {
                    (true, _) => "journal/har",
                    (_, true) => "journal/live",
                    _ => "journal",
                };
                Call::new(Method::GET, of(of_the_journal))
                    .asking("method", method.as_ref())
                    .asking("path", path.as_ref())
                    .asking("status", *status)
                    .asking("persona", persona.as_ref())
                    .asking("unit", unit.as_ref())
                    .asking("phone", phone.as_ref())
                    .asking("provider", provider.as_ref())
                    .asking("fault", fault.as_ref())
                    .asking("body_contains", body_contains.as_ref())
                    .asking("most", most.or(har.then_some(10_000)))
            }
            Self::Capsule => Call::new(Method::GET, of("capsule")),
            Self::ExpireTokens { persona } => {
                Call::new(Method::POST, of("tokens/expire")).asking("persona", persona.as_ref())
            }
            Self::EndSessions { persona } => {
                Call::new(Method::DELETE, of("sessions")).asking("persona", persona.as_ref())
            }
            Self::Reset => Call::new(Method::POST, of("reset")),
            Self::Worlds { add: Some(name), .. } => {
                Call::new(Method::POST, "worlds").saying(json!({ "name": name, "seed": seed }))
            }
            Self::Worlds { remove: Some(name), .. } => Call::new(Method::DELETE, format!("worlds/{name}")),
            Self::Worlds { .. } => Call::new(Method::GET, "worlds"),
        })
    }

    /// What the server said, for people.
    fn shown(&self, said: &Value) -> String {
        match self {
            _ if said.is_null() => "done\n".to_owned(),
            Self::Clock { .. } => match said["speed"].as_f64() {
                Some(0.0) => format!("{}, frozen\n", text(&said["time"])),
                Some(1.0) => format!("{}\n", text(&said["time"])),
                speed => format!("{}, {} times as fast\n", text(&said["time"]), speed.unwrap_or_default()),
            },
            Self::Journal { har: true, .. } | Self::Capsule => format!("{said:#}\n"),
            Self::Journal { .. } => lines(said, exchange_line),
            Self::Stub { add: Some(_), .. } => format!("{}\n", stub_line(said)),
            Self::Stub { .. } => lines(said, stub_line),
            Self::Presets => lines(said, |own| format!("{:<22} {}", text(&own["name"]), text(&own["about"]))),
            Self::Fault { begin: Some(rule), .. } if rule.trim_start().starts_with('{') => rule_line(said),
            Self::Fault { .. } => lines(said, |own| rule_line(own).trim_end().to_owned()),
            Self::Worlds { add: Some(_), .. } => format!("{}\n", text(&said["origin"])),
            Self::Worlds { .. } => lines(said, |own| {
                format!(
                    "{:<16} {}  {}  {} exchanges",
                    text(&own["name"]),
                    text(&own["origin"]),
                    text(&own["time"]),
                    own["exchanges"]
                )
            }),
            Self::ExpireTokens { .. } | Self::EndSessions { .. } => format!("{}\n", said["count"]),
            Self::Reset => String::new(),
        }
    }
}

fn exchange_line(own: &Value) -> String {
    let status = own["status"].as_u64().map_or("reset".to_owned(), |status| status.to_string());
    let faults: Vec<String> =
        own["faults"].as_array().into_iter().flatten().map(|id| format!("  !{}", text(id))).collect();
    let persona = own["persona"].as_str().map(|persona| format!("  {persona}")).unwrap_or_default();
    format!(
        "{:>5}  {}  {:>5} ms  {status:>5}  {:<6} {}{persona}{}",
        own["number"].as_u64().unwrap_or_default(),
        text(&own["at"]),
        own["took_ms"].as_u64().unwrap_or_default(),
        text(&own["method"]),
        text(&own["path"]),
        faults.concat()
    )
}

fn stub_line(own: &Value) -> String {
    format!(
        "{:<22} {:<10} {:<40} answered {}",
        text(&own["id"]),
        text(&own["answer"]["kind"]),
        text(&own["on"]["path"]),
        own["answered"]
    )
}

fn rule_line(own: &Value) -> String {
    format!("{:<22} {:<18} struck {} of {}\n", text(&own["id"]), text(&own["what"]["kind"]), own["struck"], own["met"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn lines(said: &Value, line: impl Fn(&Value) -> String) -> String {
    let mut shown = String::new();
    for own in said.as_array().into_iter().flatten() {
        let _ = writeln!(shown, "{}", line(own));
    }
    if shown.is_empty() { "nothing\n".to_owned() } else { shown }
}

/// Does what is asked; what is to be printed goes to `prints`, who answers whether somebody reads on.
pub(crate) async fn run(
    control: &Control,
    target: &Target,
    seed: u64,
    mut prints: impl FnMut(&str) -> bool,
) -> Result<(), String> {
    let call = control.call(&target.world, seed)?;
    let mut url = target.server.join(&call.path).map_err(|error| format!("{}: {error}", target.server))?;
    if !call.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&call.query);
    }
    onecity_core::install_providers();
    let mut request = Client::new().request(call.method, url).header("onecity-admin", "command");
    if let Some(token) = &target.token {
        request = request.bearer_auth(token);
    }
    if let Some(said) = &call.said {
        request = request.header("content-type", "application/json").body(said.to_string());
    }
    let server = &target.server;
    let mut answer = request.send().await.map_err(|_| {
        format!("no server answers at {server}: start one with `mock-server`, or say where it is with --server")
    })?;
    let status = answer.status();
    if matches!(control, Control::Journal { live: true, .. }) && status.is_success() {
        let mut events = Events::default();
        while let Some(chunk) = answer.chunk().await.map_err(|_| format!("{server} has ended"))? {
            for said in events.after(&chunk) {
                let shown = match (target.json, &said) {
                    (true, Said::Exchange(own)) => format!("{own}\n"),
                    (false, Said::Exchange(own)) => format!("{}\n", exchange_line(own)),
                    (_, Said::Missed(count)) => format!("{count} more came too fast to be shown\n"),
                };
                if !prints(&shown) {
                    return Ok(());
                }
            }
        }
        return Ok(());
    }
    let body = answer.text().await.map_err(|error| error.to_string())?;
    let said: Value = serde_json::from_str(&body).unwrap_or_default();
    match status.is_success() {
        true if target.json => {
            prints(&format!("{said:#}\n"));
            Ok(())
        }
        true => {
            prints(&control.shown(&said));
            Ok(())
        }
        false => Err(said["detail"].as_str().map_or_else(|| format!("the server answers {status}"), str::to_owned)),
    }
}

/// What the live journal says.
enum Said {
    /// An exchange.
    Exchange(Value),
    /// So many went by that were not told.
    Missed(u64),
}

/// Longest event, in bytes: an exchange with two bodies of 64 KiB, escaped.
const LONGEST_EVENT: usize = 2 << 20;

/// Events of the live journal (HTML Living Standard §9.2.6), whose data is one line of JSON each.
#[derive(Default)]
struct Events {
    rest: Vec<u8>,
}

impl Events {
    /// What has been said with these bytes.
    fn after(&mut self, chunk: &[u8]) -> Vec<Said> {
        self.rest.extend_from_slice(chunk);
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        if self.rest.len() > LONGEST_EVENT {
            self.rest.clear();
        }
        let data = lines.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
        data.filter_map(|data| match serde_json::from_slice(data).ok()? {
            own @ Value::Object(_) => Some(Said::Exchange(own)),
            Value::Number(count) => count.as_u64().map(Said::Missed),
            _ => None,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_whole_however_they_are_cut() {
        let stream = b": hello\n\nevent: exchange\nid: 7\ndata: {\"number\":7}\n\nevent: missed\ndata: 12\n\n";
        for size in 1..stream.len() {
            let mut events = Events::default();
            let said: Vec<Said> = stream.chunks(size).flat_map(|chunk| events.after(chunk)).collect();
            let [Said::Exchange(own), Said::Missed(12)] = said.as_slice() else {
                panic!("{} in pieces of {size}", said.len())
            };
            assert_eq!(own["number"], 7);
        }
    }
}
