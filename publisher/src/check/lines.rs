//! Where in a file: lines and columns from offsets, and from members of a JSON file.

use std::collections::BTreeMap;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use onecity_protocol::rules::{Finding, Place};

/// The beginnings of a text's lines.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Of a text.
    pub(super) fn of(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// Line and column of an offset in bytes, both from 1; columns count characters.
    pub(super) fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let before = self.text.get(self.starts[line - 1]..offset).unwrap_or_default();
        Place::Line(line, before.chars().count() + 1)
    }
}

/// Puts a finding about a member of a JSON file at the line where that stands; a member that is missing, at the object
/// that lacks it.
pub(super) fn locate(finding: &mut Finding, files: &BTreeMap<String, Vec<u8>>) {
    let Place::Member(pointer) = &finding.place else { return };
    let Some(text) = files.get(&finding.file).and_then(|bytes| std::str::from_utf8(bytes).ok()) else { return };
    let read = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
    let Some(mut value) = read.ok().and_then(|read| read.value) else { return };
    let mut offset = value.range().start;
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        let next = match value {
            Value::Object(object) => object
                .properties
                .into_iter()
                .find(|property| property.name.as_str() == name)
                .map(|property| (property.range.start, property.value)),
            Value::Array(array) => {
                let element = name.parse::<usize>().ok().and_then(|at| array.elements.into_iter().nth(at));
                element.map(|element| (element.range().start, element))
            }
            _ => None,
        };
        let Some((start, inner)) = next else { break };
        (offset, value) = (start, inner);
    }
    finding.place = Lines::of(text).place(offset);
}
