//! The pages of a provider and of a city that a resident sees, in three languages.

use axum::http::{HeaderMap, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use onecity_core::AccountKind;
use serde_json::Value;

use crate::city::PayRequest;
use crate::content::People;
use crate::identity::AuthorizeRequest;
use crate::registry::providers;

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Chinese,
    Vietnamese,
    English,
}

impl Language {
    /// The first that the browser asks for and that there is (RFC 9110 §12.5.4, without weights).
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let known = |range: &str| match range.trim().split(['-', ';']).next() {
            Some("zh") => Some(Self::Chinese),
            Some("vi") => Some(Self::Vietnamese),
            Some("en") => Some(Self::English),
            _ => None,
        };
        asked.split(',').find_map(known).unwrap_or(Self::English)
    }

    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::Vietnamese => "vi",
            Self::English => "en",
        }
    }

    fn pick<'a>(self, zh: &'a str, vi: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Chinese => zh,
            Self::Vietnamese => vi,
            Self::English => en,
        }
    }
}

const STYLE: &str = include_str!("pages.css");

fn page(language: Language, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    }
}

fn kind_of(kind: AccountKind, language: Language) -> &'static str {
    match kind {
        AccountKind::Person => language.pick("个人", "Cá nhân", "Person"),
        AccountKind::Enterprise => language.pick("企业", "Doanh nghiệp", "Enterprise"),
    }
}

/// A provider's name as the registry lists it.
fn provider_name(id: &str, language: Language) -> String {
    let all = providers("");
    let mut listed = all.as_object().into_iter().flat_map(|nations| nations.values()).filter_map(Value::as_array);
    let found = listed.find_map(|providers| providers.iter().find(|own| own["id"] == id));
    let name = found.and_then(|provider| provider["names"][language.tag()].as_str());
    name.unwrap_or(id).to_owned()
}

/// The provider's login: choosing a persona is all there is to it.
pub(crate) fn choose_persona(
    language: Language,
    provider: &str,
    request: &AuthorizeRequest,
    people: &People,
) -> Markup {
    let pick = |zh, vi, en| language.pick(zh, vi, en);
    let body = html! {
        header {
            h1 { (pick("登录", "Đăng nhập", "Log in")) }
            p { (pick("身份提供方：", "Nhà cung cấp định danh: ", "Identity provider: ")) strong { (provider_name(provider, language)) } }
        }
        section {
            @if let Some(number) = request.hint() {
                p { (pick("您输入的号码：", "Số bạn đã nhập: ", "The number that you typed: ")) strong { (number) } }
            }
            p { (pick("选择要以谁的身份登录。以下都是虚构的。", "Chọn người để đăng nhập. Tất cả đều là giả định.", "Choose whom to log in as. All of them are made up.")) }
            form method="post" {
                @for (name, value) in request.fields() { input type="hidden" name=(name) value=(value); }
                @for persona in people.iter() {
                    button type="submit" name="persona" value=(persona.id) {
                        (persona.name)
                        small { (kind_of(persona.kind, language)) }
                    }
                }
            }
        }
    };
    page(language, pick("登录", "Đăng nhập", "Log in"), &body)
}

/// After a logout that leads nowhere.
pub(crate) fn logged_out(language: Language) -> Markup {
    let said = language.pick("已退出登录", "Đã đăng xuất", "You are logged out");
    page(language, said, &html! { header { h1 { (said) } } })
}

/// An amount as one writes it in a language, from the currency's smallest unit.
fn money(language: Language, amount: u64, currency: &str) -> String {
    let (thousands, point) = language_marks(language);
    // Those without a smaller unit (ISO 4217).
    let smaller = if matches!(currency, "VND" | "JPY") { 1 } else { 100 };
    let whole = (amount / smaller).to_string();
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push_str(thousands);
        }
        grouped.push(digit);
    }
    if smaller == 1 { grouped } else { format!("{grouped}{point}{:02}", amount % smaller) }
}

/// What stands between thousands, and before the smaller unit.
fn language_marks(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::Vietnamese => (".", ","),
        Language::Chinese | Language::English => (",", "."),
    }
}

/// The city's payment page: what is to be paid, to whom, and one button.
pub(crate) fn pay(language: Language, payee: &str, request: &PayRequest) -> Markup {
    let pick = |zh, vi, en| language.pick(zh, vi, en);
    let amount = money(language, request.amount, &request.currency);
    let body = html! {
        header {
            h1 { (pick("付款", "Thanh toán", "Pay")) }
            p { (pick("演示页面，不会真的扣款。", "Trang mô phỏng, không trừ tiền thật.", "A demo: no money moves.")) }
        }
        section {
            dl {
                div { dt { (pick("收款方", "Bên nhận", "To")) } dd { (payee) } }
                div { dt { (pick("订单", "Đơn", "Order")) } dd { (request.order) } }
                div { dt { (pick("金额", "Số tiền", "Amount")) } dd { (amount) " " (request.currency) } }
            }
            form method="post" {
                input type="hidden" name="order" value=(request.order);
                input type="hidden" name="amount" value=(request.amount);
                input type="hidden" name="currency" value=(request.currency);
                input type="hidden" name="return_uri" value=(request.return_uri);
                input type="hidden" name="state" value=(request.state);
                @if let Some(unit) = &request.unit { input type="hidden" name="unit" value=(unit); }
                button class="primary" type="submit" { (pick("付款", "Thanh toán", "Pay")) }
            }
        }
    };
    page(language, pick("付款", "Thanh toán", "Pay"), &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_written_as_its_readers_write_it() {
        assert_eq!(money(Language::English, 1250, "CNY"), "12.50");
        assert_eq!(money(Language::Chinese, 123_456_789, "CNY"), "1,234,567.89");
        assert_eq!(money(Language::Vietnamese, 150_000, "VND"), "150.000");
        assert_eq!(money(Language::Vietnamese, 5, "CNY"), "0,05");
    }
}
