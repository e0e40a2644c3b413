//! Colours, sizes and times, from one source (`core/app/look/tokens.json`): what is drawn by hand in another place than a shell,
//! such as the stylesheet of the services' template, is written from it and compared with it by a test.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::icon::Icon;

/// The look of OneCity.
pub static LOOK: LazyLock<Look> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../look/tokens.json")).expect("the tokens that come with this crate")
});

/// Each icon as the paths of a 24 by 24 grid: stroked 1.75 wide with round ends, not filled.
pub static ICONS: LazyLock<BTreeMap<Icon, Vec<String>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../look/icons.json")).expect("the icons that come with this crate")
});

/// Everything that a shell or a stylesheet takes its appearance from. Lengths are in CSS px (Android's dp and sp, iOS's pt).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Look {
    /// Colours by day.
    pub light: Palette,
    /// Colours by night.
    pub dark: Palette,
    /// Sizes of text.
    #[serde(rename = "type")]
    pub text: TextSizes,
    /// Heights of lines, as multiples of the text's size.
    pub line_height: LineHeights,
    /// What is larger in elder mode.
    pub elder: Elder,
    /// Least width and height of what can be touched.
    pub target: u16,
    /// Distances.
    pub space: Space,
    /// Round corners.
    pub radius: Radius,
    /// How long movements take, in milliseconds; none where the resident wants less of them.
    pub motion: Motion,
}

/// The colours, by what they are for. There are no others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Palette {
    /// What a screen lies on.
    pub paper: Colour,
    /// Cards and bars above the paper.
    pub surface: Colour,
    /// Text.
    pub ink: Colour,
    /// Text that matters less.
    pub quiet: Colour,
    /// Hairlines that only decorate.
    pub line: Colour,
    /// The edge of what can be touched or filled in.
    pub edge: Colour,
    /// Links, primary acts, what is chosen.
    pub accent: Colour,
    /// Text on the accent.
    pub on_accent: Colour,
    /// The ground of what is chosen.
    pub tint: Colour,
    /// Needs attention.
    pub warn: Colour,
    /// Is well.
    pub good: Colour,
    /// Went wrong, or can't be undone.
    pub severe: Colour,
}

impl Palette {
    /// The colours with their names.
    #[must_use]
    pub fn named(&self) -> [(&'static str, Colour); 12] {
        [
            ("paper", self.paper),
            ("surface", self.surface),
            ("ink", self.ink),
            ("quiet", self.quiet),
            ("line", self.line),
            ("edge", self.edge),
            ("accent", self.accent),
            ("on-accent", self.on_accent),
            ("tint", self.tint),
            ("warn", self.warn),
            ("good", self.good),
            ("severe", self.severe),
        ]
    }
}

/// A colour of sRGB, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Colour([u8; 3]);

/// A text that is no colour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no colour; write #rrggbb")]
pub struct NoColour(String);

impl TryFrom<String> for Colour {
    type Error = NoColour;

    fn try_from(text: String) -> Result<Self, NoColour> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii());
        let part = |at: usize| digits.and_then(|digits| u8::from_str_radix(&digits[at..at + 2], 16).ok());
        match (part(0), part(2), part(4)) {
            (Some(red), Some(green), Some(blue)) => Ok(Self([red, green, blue])),
            _ => Err(NoColour(text)),
        }
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [red, green, blue] = self.0;
        write!(out, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Colour {
    /// How well this colour stands out from another: from 1 to 21 (WCAG 2.2, «contrast ratio»).
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// WCAG 2.2, «relative luminance».
    fn luminance(self) -> f64 {
        let linear = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }
}

/// Sizes of text by what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSizes {
    /// Never for what matters.
    pub caption: u16,
    /// Under a title.
    pub secondary: u16,
    /// What is read.
    pub body: u16,
    /// The title of a row.
    pub row: u16,
    /// The title of a screen.
    pub title: u16,
    /// Whose code it is.
    pub holder: u16,
}

/// Heights of lines.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineHeights {
    /// Of text: Han characters and Vietnamese marks need the room.
    pub body: f32,
    /// Of titles.
    pub title: f32,
}

/// What is larger in elder mode.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Elder {
    /// What is read.
    pub body: u16,
    /// The title of a row.
    pub row: u16,
    /// The title of a screen.
    pub title: u16,
    /// Of all text.
    pub line_height: f32,
    /// Least width and height of what can be touched.
    pub target: u16,
}

/// Distances, multiples of the grid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// What every distance is a multiple of.
    pub grid: u16,
    /// From the edge of a screen.
    pub edge: u16,
    /// Between rows.
    pub row: u16,
    /// Between groups.
    pub group: u16,
}

/// Round corners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Radius {
    /// Of cards.
    pub card: u16,
    /// Of buttons and fields.
    pub control: u16,
}

/// How long movements take, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Motion {
    /// What comes.
    #[serde(rename = "in")]
    pub coming: u16,
    /// What goes.
    #[serde(rename = "out")]
    pub going: u16,
}

impl Look {
    /// The same for a shell in a browser, which turns dark where the app says so (`data-dark`), has the elder mode
    /// (`data-elder`), and moves.
    #[must_use]
    pub fn shell_css(&self) -> String {
        let rem = |length: u16| format!("{}rem", f32::from(length) / 16.0);
        let mut css = self.css();
        // The app, and not the browser, says when it is dark.
        if let Some(at) = css.find("\n@media") {
            css.truncate(at);
        }
        let (motion, elder) = (&self.motion, &self.elder);
        let mut add = |text: String| css.push_str(&text);
        add(format!(
            ":root {{ --motion-in: {}ms; --motion-out: {}ms; --text-holder: {}; color-scheme: light; }}\n",
            motion.coming,
            motion.going,
            rem(self.text.holder),
        ));
        add(":root[data-dark] {\n  color-scheme: dark;\n".to_owned());
        for (name, colour) in self.dark.named() {
            add(format!("  --{name}: {colour};\n"));
        }
        add("}\n".to_owned());
        // What is smaller than the text that is read grows to it.
        add(format!(
            ":root[data-elder] {{ --text-body: {0}; --text-secondary: {0}; --text-caption: {0}; --text-row: {1}; \
             --text-title: {2}; --line-body: {3}; --line-title: {3}; --target: {4}; }}\n",
            rem(elder.body),
            rem(elder.row),
            rem(elder.title),
            elder.line_height,
            rem(elder.target),
        ));
        css
    }

    /// The tokens as custom properties of a stylesheet: colours for both schemes, text in `rem`, so that it grows with the
    /// resident's own size of text.
    #[must_use]
    pub fn css(&self) -> String {
        let rem = |length: u16| format!("{}rem", f32::from(length) / 16.0);
        let mut css = String::from(":root {\n  color-scheme: light dark;\n");
        let mut line = |indent: &str, name: &str, value: &str| {
            writeln!(css, "{indent}--{name}: {value};").expect("a string takes everything");
        };
        for (name, colour) in self.light.named() {
            line("  ", name, &colour.to_string());
        }
        let text = &self.text;
        for (name, size) in [
            ("caption", text.caption),
            ("secondary", text.secondary),
            ("body", text.body),
            ("row", text.row),
            ("title", text.title),
        ] {
            line("  ", &format!("text-{name}"), &rem(size));
        }
        line("  ", "line-body", &self.line_height.body.to_string());
        line("  ", "line-title", &self.line_height.title.to_string());
        line("  ", "target", &rem(self.target));
        for (name, space) in [("edge", self.space.edge), ("row", self.space.row), ("group", self.space.group)] {
            line("  ", &format!("space-{name}"), &rem(space));
        }
        line("  ", "radius-card", &rem(self.radius.card));
        line("  ", "radius-control", &rem(self.radius.control));
        css.push_str("}\n\n@media (prefers-color-scheme: dark) {\n  :root {\n");
        for (name, colour) in self.dark.named() {
            writeln!(css, "    --{name}: {colour};").expect("a string takes everything");
        }
        css.push_str("  }\n}\n");
        css
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn colour(text: &str) -> Colour {
        text.to_owned().try_into().expect("a colour")
    }

    #[test]
    fn contrast_is_as_the_guidelines_say() {
        let rounded = |one: &str, two: &str| (colour(one).contrast(colour(two)) * 100.0).round() / 100.0;
        assert_eq!(rounded("#000000", "#ffffff"), 21.0);
        assert_eq!(rounded("#ffffff", "#ffffff"), 1.0);
        // The lightest grey that is text on white, and the first that is not.
        assert_eq!(rounded("#767676", "#ffffff"), 4.54);
        assert_eq!(rounded("#ffffff", "#777777"), 4.48);
        for text in ["", "#fff", "#12345g", "123456", "#1234567", "#ééé", "red"] {
            assert!(Colour::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn where_two_colours_meet_they_can_be_told_apart_by_day_and_by_night() {
        for (scheme, own) in [("light", &LOOK.light), ("dark", &LOOK.dark)] {
            let text = ["ink", "quiet", "accent", "warn", "good", "severe"];
            let mut meet: Vec<(&str, &str, f64)> = Vec::new();
            for ground in ["paper", "surface"] {
                meet.extend(text.map(|name| (name, ground, 4.5)));
                meet.push(("edge", ground, 3.0));
            }
            meet.extend([("ink", "tint", 4.5), ("accent", "tint", 4.5), ("on-accent", "accent", 4.5)]);
            let of = |name: &str| own.named().into_iter().find(|(own, _)| *own == name).expect("a role").1;
            for (name, ground, least) in meet {
                let contrast = of(name).contrast(of(ground));
                assert!(contrast >= least, "{scheme}: {name} on {ground} has {contrast:.2}, and needs {least}");
            }
        }
    }

    #[test]
    fn sizes_keep_the_rules_for_reading_and_touching() {
        let look = &*LOOK;
        assert!(look.target >= 44 && look.elder.target >= 60);
        assert!(look.elder.body >= 18 && look.elder.line_height >= 1.3 && look.line_height.title >= 1.3);
        let text = &look.text;
        assert!([text.caption, text.secondary, text.body, text.row, text.title, text.holder].is_sorted());
        let space = &look.space;
        for length in [space.edge, space.row, space.group, look.radius.card, look.radius.control] {
            assert_eq!(length % space.grid, 0, "on the grid");
        }
    }

    #[test]
    fn every_icon_is_drawn() {
        // Serde knows the names of all: a name that is none of them lists them.
        let none = serde_json::from_str::<Icon>("\"none\"").expect_err("no icon has this name").to_string();
        let named = none.split('`').skip(3).step_by(2).map(|name| format!("\"{name}\""));
        let all: Vec<Icon> = named.map(|name| serde_json::from_str(&name).expect("an icon")).collect();
        assert!(all.len() > 20, "{none}");
        for icon in all {
            let paths = ICONS.get(&icon).unwrap_or_else(|| panic!("{icon:?} is not drawn"));
            let is_path = |path: &String| {
                path.starts_with('M') && path.chars().all(|c| c.is_ascii_alphanumeric() || " .-".contains(c))
            };
            assert!(!paths.is_empty() && paths.iter().all(is_path), "{icon:?}");
        }
    }

    /// What ends the part of a stylesheet that is written from the tokens.
    const END: &str = "/* Up to here OneCity's own colours and sizes; below, what pages share. */\n";

    #[test]
    fn the_template_s_stylesheet_begins_with_the_look() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../publisher/templates/shared/app.css");
        let there = std::fs::read_to_string(&file).expect("kept with the sources");
        let (_, rest) = there.split_once(END).expect("the part ends");
        let wanted = format!("{}{END}{rest}", LOOK.css());
        if std::env::var_os("ONECITY_WRITE_DOCS").is_some() {
            std::fs::write(&file, wanted).expect("written");
        } else {
            assert!(there == wanted, "run ONECITY_WRITE_DOCS=1 cargo test -p onecity-app to write it again");
        }
    }
}
