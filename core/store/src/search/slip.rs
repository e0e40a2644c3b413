//! One slip of the finger: a letter too many, too few, wrong, or two in the wrong order, in the beginning of a word.

/// Shortest word that may have a slip, in letters: in a shorter one too much else could be meant.
pub(super) const SHORTEST: usize = 4;

/// The words of a vocabulary whose beginning a typed word may have meant; the typed word itself if it begins any.
pub(super) fn meant(typed: &str, vocabulary: &[String], most: usize) -> Vec<String> {
    if !typed.is_ascii() || typed.len() < SHORTEST {
        return vec![typed.to_owned()];
    }
    let typed = typed.as_bytes();
    let mut beginnings: Vec<String> = Vec::new();
    for word in vocabulary.iter().filter(|word| word.is_ascii()) {
        if let Some(beginning) = beginning(typed, word.as_bytes())
            && !beginnings.iter().any(|known| known.as_bytes() == beginning)
        {
            beginnings.push(String::from_utf8_lossy(beginning).into_owned());
            if beginnings.len() == most {
                break;
            }
        }
    }
    beginnings
}

/// The beginning of `word` that is at most one slip away from what was typed.
fn beginning<'w>(typed: &[u8], word: &'w [u8]) -> Option<&'w [u8]> {
    let same = typed.iter().zip(word).take_while(|(one, other)| one == other).count();
    if same == typed.len() {
        return Some(&word[..same]);
    }
    let (typed_rest, word_rest) = (&typed[same..], &word[same..]);
    let starts = |rest: &[u8], with: &[u8]| rest.starts_with(with);
    // Wrong letter, missing letter, letter too many, two letters in the wrong order.
    if !word_rest.is_empty() && starts(&word_rest[1..], &typed_rest[1..]) {
        return Some(&word[..typed.len()]);
    }
    if !word_rest.is_empty() && starts(&word_rest[1..], typed_rest) {
        return Some(&word[..typed.len() + 1]);
    }
    if starts(word_rest, &typed_rest[1..]) {
        return Some(&word[..typed.len() - 1]);
    }
    let swapped = typed_rest.len() >= 2
        && word_rest.len() >= 2
        && (typed_rest[0], typed_rest[1]) == (word_rest[1], word_rest[0])
        && starts(&word_rest[2..], &typed_rest[2..]);
    swapped.then(|| &word[..typed.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_forgiven_and_two_are_not() {
        let vocabulary = ["tingchechang".to_owned(), "baoxiu".to_owned()];
        let meant = |typed: &str| meant(typed, &vocabulary, 8);
        for typed in ["tingche", "tongche", "tigche", "tiingche", "itngche", "tingceh", "tinche"] {
            assert!(meant(typed).iter().all(|word| "tingchechang".starts_with(word.as_str())), "{typed}");
            assert_eq!(meant(typed).len(), 1, "{typed}");
        }
        assert_eq!(meant("tongcha"), Vec::<String>::new());
        assert_eq!(meant("tng"), ["tng"]);
    }
}
