//! A page of the documentation, command by command: what its `console` blocks show is what the commands print.

use std::path::Path;
use std::process::Command;

/// What became of a page.
pub(crate) struct Replayed {
    /// How many commands it has.
    pub(crate) commands: usize,
    /// Where a command prints something else.
    pub(crate) differences: Vec<String>,
    /// The page with what the commands print.
    pub(crate) written: String,
}

/// Runs a page. `at_line` sees every line that is no command; `run` answers what a command prints; `comparable` says what of that
/// must be the same whenever the page is run.
pub(crate) fn replay(
    page: &Path,
    mut at_line: impl FnMut(&str),
    mut run: impl FnMut(&str) -> String,
    comparable: impl Fn(&str, &str) -> Vec<String>,
) -> Replayed {
    let page = std::fs::read_to_string(page).expect("the page");
    let (mut written, mut differences, mut commands) = (String::new(), Vec::new(), 0);
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        written.push_str(line);
        written.push('\n');
        at_line(line);
        if line != "```console" {
            continue;
        }
        while let Some(command) = lines.next().filter(|line| *line != "```") {
            let mut whole = command.strip_prefix("$ ").expect("a block begins with a command").to_owned();
            written.push_str(command);
            written.push('\n');
            while whole.ends_with('\\') {
                let more = lines.next().expect("a command that goes on");
                written.push_str(more);
                written.push('\n');
                whole = format!("{} {}", whole.trim_end_matches('\\'), more.trim());
            }
            let mut expected = String::new();
            while let Some(output) = lines.next_if(|line| !line.starts_with("$ ") && *line != "```") {
                expected.push_str(output);
                expected.push('\n');
            }
            let shown = run(&whole);
            commands += 1;
            if comparable(&whole, &shown) != comparable(&whole, &expected) {
                differences.push(format!("$ {whole}\n--- the page says\n{expected}--- it prints\n{shown}"));
                expected = format!("{}\n", shown.trim_end());
            }
            written.push_str(if shown.trim().is_empty() { "" } else { &expected });
        }
        written.push_str("```\n");
    }
    Replayed { commands, differences, written }
}

impl Replayed {
    /// Nothing differs; or, with `ONECITY_WRITE_DOCS`, the page is written again.
    pub(crate) fn holds(self, page: &Path) {
        if std::env::var_os("ONECITY_WRITE_DOCS").is_some() {
            std::fs::write(page, self.written).expect("written");
        } else {
            assert!(self.differences.is_empty(), "{}", self.differences.join("\n"));
        }
    }
}

/// Runs a line as its reader would, in a shell, with a program on the path; answers what the terminal shows.
pub(crate) fn in_a_shell(line: &str, folder: &Path, program: &str, environment: &[(&str, &str)]) -> String {
    let bin = Path::new(program).parent().expect("a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {line}")])
        .current_dir(folder)
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .envs(environment.iter().copied())
        .output()
        .expect("a shell");
    String::from_utf8(output.stdout).expect("text")
}
