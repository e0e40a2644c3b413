//! What testers ask for by name.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rule::{Delay, Instead, Rule, Signed, Spread, Stale, What};
use crate::meant::Where;

/// Something that goes wrong, by name; on the command line as `--fault NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// A metro line: answers come late and slowly, and one in eight is lost.
    FlakyMetro,
    /// Every connection is reset.
    Tunnel,
    /// No answer comes, and no connection ends.
    Silence,
    /// The identity providers answer 503, all of them and in whole.
    IdpDown,
    /// The cities' back ends answer 503.
    CityDown,
    /// The issuers of passes answer 503.
    IssuerDown,
    /// The registries answer 503.
    RegistryDown,
    /// The registries serve what they had at the very first.
    RollbackAttack,
    /// The registries serve what they have now, whatever is published from now on.
    FreezeAttack,
    /// The registries serve the newest timestamp with an older snapshot.
    MixAndMatchAttack,
    /// The registries serve what has ended long ago.
    ExpiredRegistry,
    /// The registries' timestamps have a signature that does not hold.
    ForgedRegistry,
    /// The identity providers put another login's nonce into their ID tokens.
    WrongNonce,
    /// The identity providers' discovery documents name another issuer.
    WrongIssuer,
    /// ID tokens have a signature that does not hold.
    ForgedIdToken,
    /// The identity providers sign with a key that they do not list.
    UnlistedKey,
    /// Every proof of possession must hold the server's nonce.
    DpopNonce,
    /// A city's back end takes the next submission, and then answers 504 as a gateway would; once.
    LoseReply,
    /// The identity provider renews the next session, and then answers 504; once.
    LoseRefresh,
    /// Every access token that is shown has expired.
    ExpiredTokens,
    /// Every session has ended.
    RevokedSessions,
    /// Every pass is revoked.
    RevokedPasses,
    /// Every server's clock is an hour ahead.
    ServerClockAhead,
    /// Answers are no JSON.
    MalformedAnswers,
    /// A page to log in to the network comes in the place of every answer, as in a hotel.
    CaptivePortal,
}

impl Preset {
    /// What it is made of.
    pub fn rules(self) -> Vec<Rule> {
        let down = |path: &str| vec![Rule::new(What::Status { status: 503, retry_after: None }).on(Where::path(path))];
        let registry = |how| vec![Rule::new(What::Metadata { how }).on(Where::path("/registry/**"))];
        let always = |what| vec![Rule::new(what)];
        match self {
            Self::FlakyMetro => vec![
                Rule::new(What::Latency { delay: Delay::LogNormal(Spread { median_ms: 400, sigma: 0.8 }) }),
                Rule::new(What::Bandwidth { bytes_per_second: 64 * 1024 }),
                Rule::new(What::Reset).with_probability(0.06),
                Rule::new(What::LoseAnswer { instead: Instead::Reset }).with_probability(0.06),
            ],
            Self::Tunnel => always(What::Reset),
            Self::Silence => always(What::Silence),
            Self::IdpDown => down("/{idp,.well-known/oauth-authorization-server/idp}/**"),
            Self::CityDown => down("/city/**"),
            Self::IssuerDown => down("/{issuer,status,.well-known/openid-credential-issuer/issuer}/**"),
            Self::RegistryDown => down("/registry/**"),
            Self::RollbackAttack => registry(Stale::RolledBack),
            Self::FreezeAttack => registry(Stale::Frozen),
            Self::MixAndMatchAttack => registry(Stale::Mixed),
            Self::ExpiredRegistry => registry(Stale::Expired),
            Self::ForgedRegistry => always(What::BadSignature { of: Signed::Metadata }),
            Self::WrongNonce => always(What::WrongNonce),
            Self::WrongIssuer => always(What::WrongIssuer),
            Self::ForgedIdToken => always(What::BadSignature { of: Signed::IdToken }),
            Self::UnlistedKey => always(What::UnlistedKey),
            Self::DpopNonce => always(What::DpopNonce),
            Self::LoseReply => {
                let path = "/city/*/{appointments,reports,certificates,appointments/*/uploads/*,reports/*/uploads/*}";
                let on = Where { methods: vec!["POST".to_owned(), "PATCH".to_owned()], ..Where::path(path) };
                vec![Rule::new(What::LoseAnswer { instead: Instead::GatewayTimeout }).on(on).times(1)]
            }
            Self::LoseRefresh => {
                let body_contains = Some("grant_type=refresh_token".to_owned());
                let on = Where { body_contains, ..Where::path("/idp/*/token") };
                vec![Rule::new(What::LoseAnswer { instead: Instead::GatewayTimeout }).on(on).times(1)]
            }
            Self::ExpiredTokens => always(What::ExpiredToken),
            Self::RevokedSessions => always(What::RevokedSession),
            Self::RevokedPasses => always(What::RevokedPass { persona: None }),
            Self::ServerClockAhead => always(What::ClockSkew { seconds: 3600 }),
            Self::MalformedAnswers => always(What::MalformedBody),
            Self::CaptivePortal => always(What::LoginPage),
        }
    }

    /// Its name, as it is written everywhere.
    pub fn name(self) -> String {
        use clap::ValueEnum as _;
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What it does, in a sentence.
    pub fn about(self) -> String {
        use clap::ValueEnum as _;
        let value = self.to_possible_value();
        value.and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::super::Faults;
    use super::*;

    #[test]
    fn every_preset_is_said_the_same_way_everywhere_and_holds() {
        let faults = Faults::new(1, std::sync::Arc::default());
        for preset in Preset::value_variants() {
            assert_eq!(serde_json::to_value(preset).expect("JSON"), preset.name());
            assert!(!preset.about().is_empty() && !preset.rules().is_empty());
            faults.begin(*preset);
            let all = faults.list();
            assert!(all.iter().all(|own| own.id.starts_with(&preset.name())));
            assert!(faults.end(&preset.name()) && faults.list().is_empty());
        }
    }
}
