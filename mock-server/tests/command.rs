//! The command as a person types it: what it prints, and its exit code.

use std::process::{Command, Output};

use serde_json::Value;

fn journey(arguments: &[&str]) -> Output {
    let command = env!("CARGO_BIN_EXE_mock-server");
    Command::new(command).arg("journey").args(arguments).output().expect("the command runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn the_journey_ends_well_and_says_what_was_checked() {
    let output = journey(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert!(lines.iter().filter(|line| line.contains("visit cn-sd/")).count() == 16);
    assert!(lines.last().expect("a summary").contains("17 cities visited"));
}

#[test]
fn json_lines_carry_the_same() {
    let output = journey(&["--format", "json", "--seed", "3"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let (summary, steps) = lines.split_last().expect("lines");
    assert!(steps.iter().all(|step| step["step"].is_string() && step["checked"].is_string() && step["ms"].is_u64()));
    assert_eq!(summary["steps"].as_u64(), Some(steps.len() as u64));
    assert_eq!(summary["cities"], 17);
}

#[test]
fn the_step_that_fails_is_named() {
    let output = journey(&["--fault", "wrong-nonce"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("failed at «log in once»") && said.contains("收到的答复属于另一次登录"), "{said}");
}
