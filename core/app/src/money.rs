//! Amounts of money as residents read them.

use crate::shared::Shared;

/// How many decimals a currency has (ISO 4217, «minor unit»): two, but for these.
fn decimals(currency: &str) -> usize {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "CLF" | "UYW" => 4,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// An amount in a currency's smallest unit.
pub(crate) fn money(shared: &Shared, amount: u64, currency: &str) -> String {
    let decimals = decimals(currency);
    let digits = format!("{amount:0>width$}", width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            text.push_str(&shared.say("money-group"));
        }
        text.push(digit);
    }
    if !part.is_empty() {
        text.push_str(&shared.say("money-decimal"));
        text.push_str(part);
    }
    let with = |id: &str| shared.messages.with(id, [("number", text.as_str().into()), ("currency", currency.into())]);
    match currency {
        "CNY" => with("money-yuan"),
        "VND" => with("money-dong"),
        _ => with("money-other"),
    }
}
