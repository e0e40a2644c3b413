//! Everything that another language can use, as text: `bindings/api.txt` has it, so that a change of it is seen.

use std::fmt::Write;

use anyhow::Result;
use camino::Utf8Path;
use uniffi_bindgen::interface::{AsType, ComponentInterface, Enum, Field, Type};
use uniffi_bindgen::{BindgenLoader, BindgenPaths};

/// Lists the components of a library, in the order of their names.
pub(crate) fn list(library: &Utf8Path, paths: BindgenPaths) -> Result<String> {
    let loader = BindgenLoader::new(paths, Default::default());
    let metadata = loader.load_metadata(library)?;
    let mut components = loader.load_cis(metadata)?;
    components.sort_by(|one, other| one.namespace().cmp(other.namespace()));
    let mut out = String::new();
    for component in &components {
        writeln!(out, "component {}", component.namespace())?;
        let mut items = items(component);
        items.sort();
        for item in items {
            writeln!(out, "\n{item}")?;
        }
        writeln!(out)?;
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    Ok(out)
}

fn items(component: &ComponentInterface) -> Vec<String> {
    let mut items = Vec::new();
    for own in component.record_definitions() {
        items.push(block(&format!("record {}", own.name()), own.fields().iter().map(field)));
    }
    for own in component.enum_definitions() {
        let kind = if component.is_name_used_as_error(own.name()) { "error" } else { "enum" };
        items.push(block(&format!("{kind} {}", own.name()), variants(own)));
    }
    for own in component.object_definitions() {
        let kind = if own.has_callback_interface() { "port" } else { "object" };
        let constructors = own.constructors().into_iter().map(|own| {
            let arguments = arguments(own.full_arguments());
            format!("constructor {}({arguments}){}", own.name(), throws(own.throws_type()))
        });
        let methods = own.methods().into_iter().map(|own| {
            let first = if own.is_async() { "async " } else { "" };
            let (name, arguments) = (own.name(), arguments(own.arguments().into_iter().cloned().collect()));
            format!("{first}{name}({arguments}){}{}", returns(own.return_type()), throws(own.throws_type()))
        });
        items.push(block(&format!("{kind} {}", own.name()), constructors.chain(methods)));
    }
    for own in component.function_definitions() {
        let first = if own.is_async() { "async " } else { "" };
        let (name, arguments) = (own.name(), arguments(own.arguments().into_iter().cloned().collect()));
        items.push(format!(
            "function {first}{name}({arguments}){}{}",
            returns(own.return_type()),
            throws(own.throws_type())
        ));
    }
    for own in component.iter_local_types() {
        if let Type::Custom { name, builtin, .. } = own {
            items.push(format!("custom {name} = {}", type_name(builtin)));
        }
    }
    items
}

fn block(head: &str, lines: impl Iterator<Item = String>) -> String {
    lines.fold(head.to_owned(), |block, line| format!("{block}\n  {line}"))
}

fn variants(own: &Enum) -> impl Iterator<Item = String> {
    own.variants().iter().map(|variant| {
        let fields: Vec<String> = variant.fields().iter().map(field).collect();
        if fields.is_empty() { variant.name().to_owned() } else { format!("{}({})", variant.name(), fields.join(", ")) }
    })
}

fn field(own: &Field) -> String {
    format!("{}: {}", own.name(), type_name(&own.as_type()))
}

fn arguments(all: Vec<uniffi_bindgen::interface::Argument>) -> String {
    let all: Vec<String> = all.iter().map(|own| format!("{}: {}", own.name(), type_name(&own.as_type()))).collect();
    all.join(", ")
}

fn returns(own: Option<&Type>) -> String {
    own.map_or_else(String::new, |own| format!(" -> {}", type_name(own)))
}

fn throws(own: Option<&Type>) -> String {
    own.map_or_else(String::new, |own| format!(" throws {}", type_name(own)))
}

fn type_name(own: &Type) -> String {
    match own {
        Type::Optional { inner_type } => format!("{}?", type_name(inner_type)),
        Type::Sequence { inner_type } => format!("[{}]", type_name(inner_type)),
        Type::Map { key_type, value_type } => format!("{{{}: {}}}", type_name(key_type), type_name(value_type)),
        Type::Record { name, .. }
        | Type::Enum { name, .. }
        | Type::Object { name, .. }
        | Type::CallbackInterface { name, .. }
        | Type::Custom { name, .. } => name.clone(),
        plain => format!("{plain:?}").to_lowercase(),
    }
}
