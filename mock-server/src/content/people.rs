//! Who lives in a world: made-up residents and enterprises.

use std::collections::BTreeMap;

use onecity_core::AccountKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ContentError;
use crate::faults::is_id;

/// Most personas of a world, most people in one's care, and most facts about somebody.
const MOST: usize = 1000;
const MOST_IN_CARE: usize = 16;
const MOST_FACTS: usize = 32;
/// Longest name or fact, in characters.
const LONGEST: usize = 128;

/// A made-up resident or enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    /// Its id, as in `login_hint`.
    #[schema(example = "lan")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// `person` or `enterprise`.
    #[schema(value_type = String, example = "person")]
    pub kind: AccountKind,
    /// The number that its provider knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The address that its provider knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the health records say, by field: `blood_type`, `allergies`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub health: BTreeMap<String, String>,
    /// Those for whom it may hold passes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_care: Vec<Dependant>,
}

/// Somebody in a persona's care.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dependant {
    /// Its id.
    #[schema(example = "an")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// `child` or `parent`.
    pub relation: Relation,
    /// What the health records say, by field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub health: BTreeMap<String, String>,
}

/// What somebody is to the persona that cares for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// They ride at a child's fare.
    Child,
    /// A parent.
    Parent,
}

fn is_short(text: &str) -> bool {
    let length = text.chars().count();
    (1..=LONGEST).contains(&length) && !text.chars().any(char::is_control)
}

fn is_health(facts: &BTreeMap<String, String>) -> bool {
    facts.len() <= MOST_FACTS && facts.iter().all(|(field, fact)| is_short(field) && is_short(fact))
}

impl Persona {
    fn check(&self) -> Result<(), ContentError> {
        let wrong = |why| ContentError::Persona(self.id.chars().take(64).collect(), why);
        if !is_id(&self.id) || self.in_care.iter().any(|own| !is_id(&own.id)) {
            return Err(wrong("an id has 1 to 64 characters: small letters, digits and hyphens"));
        }
        let texts = [Some(&self.name), self.phone.as_ref(), self.address.as_ref()];
        let mut texts = texts.into_iter().flatten().chain(self.in_care.iter().map(|own| &own.name));
        let is_known = is_health(&self.health) && self.in_care.iter().all(|own| is_health(&own.health));
        if !texts.all(|text| is_short(text)) || !is_known {
            return Err(wrong("a name or a fact has 1 to 128 characters on one line, and there are at most 32 facts"));
        }
        if self.in_care.len() > MOST_IN_CARE {
            return Err(wrong("at most 16 people are in its care"));
        }
        Ok(())
    }
}

/// Everybody whom one can log in as in a world. None of them exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct People(Vec<Persona>);

impl Default for People {
    fn default() -> Self {
        let persona = |id: &str, name: &str, kind| Persona {
            id: id.to_owned(),
            name: name.to_owned(),
            kind,
            phone: None,
            address: None,
            health: BTreeMap::new(),
            in_care: Vec::new(),
        };
        let health = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(field, fact)| ((*field).to_owned(), (*fact).to_owned())).collect()
        };
        let mut lan = persona("lan", "Persona Lan", AccountKind::Person);
        lan.health = health(&[("blood_type", "A"), ("allergies", "penicillin")]);
        let dependant = |id: &str, name: &str, relation| Dependant {
            id: id.to_owned(),
            name: name.to_owned(),
            relation,
            health: BTreeMap::new(),
        };
        lan.in_care = vec![
            dependant("an", "Persona An", Relation::Child),
            dependant("grandmother", "Persona Grandmother", Relation::Parent),
        ];
        let mut grandmother = persona("grandmother", "Persona Grandmother", AccountKind::Person);
        grandmother.health = health(&[("blood_type", "O")]);
        Self(vec![
            lan,
            persona("minh", "Persona Minh", AccountKind::Person),
            grandmother,
            persona("workshop", "Persona Workshop Ltd", AccountKind::Enterprise),
        ])
    }
}

impl People {
    /// Those who are built in, with these beside them; one of the same id takes the place of the other.
    pub(crate) fn with(own: &[Persona]) -> Result<Self, ContentError> {
        let Self(mut all) = Self::default();
        for persona in own {
            persona.check()?;
            match all.iter_mut().find(|other| other.id == persona.id) {
                Some(other) => *other = persona.clone(),
                None => all.push(persona.clone()),
            }
        }
        if all.len() > MOST { Err(ContentError::TooMany("personas", MOST)) } else { Ok(Self(all)) }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Persona> {
        self.0.iter()
    }

    /// One by its id.
    pub(crate) fn get(&self, id: &str) -> Option<&Persona> {
        self.0.iter().find(|own| own.id == id)
    }

    /// Those in a persona's care.
    pub(crate) fn in_care_of(&self, persona: &str) -> &[Dependant] {
        self.get(persona).map(|own| own.in_care.as_slice()).unwrap_or_default()
    }

    /// Whether a pass that a persona holds for somebody is for a child.
    pub(crate) fn is_child(&self, holder: &str, of: &str) -> bool {
        self.in_care_of(of).iter().any(|own| own.id == holder && own.relation == Relation::Child)
    }

    /// The name of a persona, or of somebody in its care.
    pub(crate) fn name_of(&self, holder: &str, persona: &str) -> Option<&str> {
        if holder == persona {
            return self.get(persona).map(|own| own.name.as_str());
        }
        self.in_care_of(persona).iter().find(|own| own.id == holder).map(|own| own.name.as_str())
    }

    /// What the health records of this world say of somebody. All of it is made up.
    pub(crate) fn health(&self, person: &str, field: &str) -> Option<&str> {
        let cared_for = self.iter().flat_map(|own| &own.in_care).filter(|own| own.id == person).map(|own| &own.health);
        let own = self.get(person).map(|own| &own.health);
        let said = own.into_iter().chain(cared_for).find_map(|facts| facts.get(field));
        said.map(String::as_str).or(match field {
            "blood_type" => Some("B"),
            "allergies" => Some("none known"),
            _ => None,
        })
    }

    /// What a provider knows of a persona, by OpenID Connect's names for it. All of it is made up.
    pub(crate) fn claim(&self, persona: &str, field: &str) -> Option<String> {
        let person = self.get(persona)?;
        match field {
            "name" => Some(person.name.clone()),
            "phone_number" => {
                let number = || format!("+86 100 0000 {:04}", person.id.len() * 7);
                Some(person.phone.clone().unwrap_or_else(number))
            }
            "address" => Some(person.address.clone().unwrap_or_else(|| "1 Example Road".to_owned())),
            _ => None,
        }
    }
}
