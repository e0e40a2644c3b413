//! The figures: each measured against a named reference in the same run, so that a slow or busy machine changes both.
//!
//! `cargo bench -p onecity-tests --bench figures` prints a Markdown table; `-- --json` one JSON line a figure;
//! `-- --only NAME` one figure.

#![expect(clippy::print_stdout, reason = "it prints figures")]

mod browser;
mod gates;
mod kept;
mod library;
mod load;
mod phone;
mod registry;
mod screens;
mod wire;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use serde::Serialize;

/// Measure the project's figures.
#[derive(Parser)]
struct Cli {
    /// Print one JSON line a figure.
    #[arg(long)]
    json: bool,
    /// Measure this figure alone.
    #[arg(long)]
    only: Option<String>,
    /// What `cargo bench` passes along.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One figure, as later tools read it.
#[derive(Serialize)]
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    /// What was measured beside it in the same run.
    reference: Option<&'static str>,
    ratio: Option<f64>,
    target: Option<f64>,
    holds: Option<bool>,
}

type Measure = fn() -> Figure;

const FIGURES: [(&str, Measure); 37] = [
    ("gate_check", gates::gate_check),
    ("gate_check_known_holder", gates::gate_check_known_holder),
    ("gate_refuse_unsigned", gates::gate_refuse_unsigned),
    ("gate_refuse_forged", gates::gate_refuse_forged),
    ("code_overhead", gates::code_overhead),
    ("status_lookup_1m", gates::status_lookup_1m),
    ("status_memory_1m", gates::status_memory_1m),
    ("gate_memory_per_holder", gates::gate_memory_per_holder),
    ("gate_memory_per_known", gates::gate_memory_per_known),
    ("code_under_load", load::code_under_load),
    ("sealed_get", kept::sealed_get),
    ("sealed_put", kept::sealed_put),
    ("outbox_enqueue", kept::outbox_enqueue),
    ("resource_50k", kept::resource_50k),
    ("bridge_call", kept::bridge_call),
    ("runtime_resident_memory", kept::runtime_resident_memory),
    ("cold_start_home", phone::cold_start_home),
    ("home_1000_services", phone::home_1000_services),
    ("screen_home_1000", screens::screen_home_1000),
    ("screen_home_1000_cold", screens::screen_home_1000_cold),
    ("screen_bytes_home", screens::screen_bytes_home),
    ("phone_memory", browser::phone_memory),
    ("tap_to_repaint_p95", browser::tap_to_repaint_p95),
    ("first_paint_4x", browser::first_paint_4x),
    ("search_province_p99", phone::search_province_p99),
    ("search_600k_p99", phone::search_600k_p99),
    ("hostile_city_home_ratio", phone::hostile_city_home_ratio),
    ("hostile_city_search_ratio", phone::hostile_city_search_ratio),
    ("first_sync_city_bytes", wire::first_sync_city_bytes),
    ("poll_unchanged_bytes", wire::poll_unchanged_bytes),
    ("changed_department_bytes", wire::changed_department_bytes),
    ("sync_growth", wire::sync_growth),
    ("sync_resident_memory", wire::sync_resident_memory),
    ("repository_sign", registry::repository_sign),
    ("publish_incremental", registry::publish_incremental),
    ("library_bytes", library::library_bytes),
    ("library_gate_check", library::library_gate_check),
];

fn main() {
    let cli = Cli::parse();
    let wanted = |name: &str| cli.only.as_deref().is_none_or(|only| only == name);
    let figures = FIGURES.iter().filter(|(name, _)| wanted(name)).map(|(_, measure)| measure());
    if cli.json {
        figures.for_each(|figure| println!("{}", serde_json::to_string(&figure).expect("plain JSON")));
        return;
    }
    println!("| figure | value | reference | ratio | target | holds |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for figure in figures {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        println!(
            "| {} | {} {} | {} | {} | {} | {} |",
            figure.name,
            figure.value,
            figure.unit,
            figure.reference.unwrap_or("–"),
            or_dash(figure.ratio.map(|ratio| format!("{ratio:.2}"))),
            or_dash(figure.target.map(|target| format!("≤ {target}"))),
            or_dash(figure.holds.map(|holds| if holds { "yes" } else { "no" }.to_owned())),
        );
    }
}

/// The medians of two pieces of work, measured turn by turn so that a disturbance meets both.
fn side_by_side(rounds: usize, mut one: impl FnMut(usize), mut other: impl FnMut(usize)) -> (Duration, Duration) {
    let (mut ones, mut others) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    let time = |work: &mut dyn FnMut(usize), round: usize| {
        let began = Instant::now();
        work(round);
        began.elapsed()
    };
    for round in 0..rounds / 10 {
        one(round);
        other(round);
    }
    for round in rounds / 10..rounds + rounds / 10 {
        ones.push(time(&mut one, round));
        others.push(time(&mut other, round));
    }
    (median(ones), median(others))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// What 99 of a hundred stay below.
fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn against(name: &'static str, reference: &'static str, target: f64, (value, beside): (Duration, Duration)) -> Figure {
    let ratio = value.as_secs_f64() / beside.as_secs_f64();
    Figure {
        name,
        value: (micros(value) * 10.0).round() / 10.0,
        unit: "µs",
        reference: Some(reference),
        ratio: Some((ratio * 1000.0).round() / 1000.0),
        target: Some(target),
        holds: Some(ratio <= target),
    }
}

/// A figure without a reference beside it.
fn stated(name: &'static str, value: f64, unit: &'static str, target: Option<f64>) -> Figure {
    let holds = target.map(|target| value <= target);
    Figure { name, value, unit, reference: None, ratio: None, target, holds }
}

/// Bytes that are allocated at the moment.
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

/// Most bytes that were allocated at once since somebody last set it.
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counted.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `GlobalAlloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
