//! The personas: made-up residents and an enterprise.

use onecity_core::AccountKind;

/// A made-up resident or enterprise.
pub(crate) struct Persona {
    pub id: &'static str,
    pub name: &'static str,
    pub kind: AccountKind,
}

/// Whom one can log in as. None of them exists.
pub(crate) const PERSONAS: [Persona; 4] = [
    Persona { id: "lan", name: "Persona Lan", kind: AccountKind::Person },
    Persona { id: "minh", name: "Persona Minh", kind: AccountKind::Person },
    Persona { id: "grandmother", name: "Persona Grandmother", kind: AccountKind::Person },
    Persona { id: "workshop", name: "Persona Workshop Ltd", kind: AccountKind::Enterprise },
];

/// Somebody in a persona's care, for whom it may hold passes.
pub(crate) struct Dependant {
    pub id: &'static str,
    pub name: &'static str,
    /// One word: `child` or `parent`.
    pub relation: &'static str,
}

/// Whom a persona cares for.
pub(crate) fn dependants(persona: &str) -> &'static [Dependant] {
    const LAN: [Dependant; 2] = [
        Dependant { id: "an", name: "Persona An", relation: "child" },
        Dependant { id: "grandmother", name: "Persona Grandmother", relation: "parent" },
    ];
    if persona == "lan" { &LAN } else { &[] }
}

/// A persona's name.
pub(crate) fn person_name(persona: &str) -> Option<&'static str> {
    PERSONAS.iter().find(|own| own.id == persona).map(|own| own.name)
}

/// What the health records of this world say of somebody. All of it is made up.
pub(crate) fn attribute(person: &str, field: &str) -> Option<&'static str> {
    match (person, field) {
        ("lan", "blood_type") => Some("A"),
        ("lan", "allergies") => Some("penicillin"),
        ("grandmother", "blood_type") => Some("O"),
        (_, "blood_type") => Some("B"),
        (_, "allergies") => Some("none known"),
        _ => None,
    }
}

/// What a provider knows of a persona, by OpenID Connect's names for it. All of it is made up.
pub(crate) fn claim(persona: &str, field: &str) -> Option<String> {
    let person = PERSONAS.iter().find(|own| own.id == persona)?;
    match field {
        "name" => Some(person.name.to_owned()),
        "phone_number" => Some(format!("+86 100 0000 {:04}", person.id.len() * 7)),
        "address" => Some("1 Example Road".to_owned()),
        _ => None,
    }
}
