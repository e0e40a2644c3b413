//! Packs how Chinese characters are read. The tables of the `pinyin` crate would be 400 KB of every app, mostly of zeros
//! and of tones that nobody types; packed they are a fifth of that. `src/search/readings.rs` unpacks them.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::{env, fs};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pinyin::{ToPinyin, ToPinyinMulti};

#[path = "src/search/han.rs"]
mod han;

/// The readings of a character without tones, the usual one first, as a resident types them: ü as v, which is what
/// keyboards want, or as u.
fn readings(character: char) -> Vec<String> {
    let usual = character.to_pinyin().map(|reading| reading.plain());
    let multi = character.to_pinyin_multi();
    let others = multi.into_iter().flat_map(|multi| (0..multi.count()).map(move |which| multi.get(which).plain()));
    let mut all = Vec::new();
    for reading in usual.into_iter().chain(others).flat_map(|reading| ["v", "u"].map(|u| reading.replace('ü', u))) {
        if !all.contains(&reading) {
            all.push(reading);
        }
    }
    all
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/search/han.rs");
    // The first list is that of a character without a reading.
    let (mut lists, mut numbers) = (vec![String::new()], HashMap::from([(String::new(), 0_u16)]));
    let mut table = Vec::new();
    for character in han::all() {
        let list = char::from_u32(character).map(|character| readings(character).join(" ")).unwrap_or_default();
        let number = *numbers.entry(list.clone()).or_insert_with(|| {
            lists.push(list);
            u16::try_from(lists.len() - 1).expect("a few thousand lists")
        });
        table.push(number.to_be_bytes());
    }
    // The lists, an empty line, and the table: all high bytes, then all low ones, which packs better.
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    let mut write = |bytes: &[u8]| packed.write_all(bytes).expect("memory");
    write(lists[1..].join("\n").as_bytes());
    write(b"\n\n");
    for half in 0..2 {
        write(&table.iter().map(|number| number[half]).collect::<Vec<_>>());
    }
    let file = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("readings.z");
    fs::write(file, packed.finish().expect("memory")).expect("the build's own folder");
}
