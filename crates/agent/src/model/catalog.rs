//! What is known about models without being set: `models.toml`.

use super::{Prices, Provider};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::LazyLock};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    default: String,
    #[serde(default)]
    prices: BTreeMap<String, Prices>,
}

static FAMILIES: LazyLock<BTreeMap<String, Family>> =
    LazyLock::new(|| toml::from_str(include_str!("models.toml")).expect("models.toml is checked by a test"));

fn family(provider: Provider) -> Option<&'static Family> {
    // One house, two ways of talking.
    let house = if provider == Provider::OpenaiChat { Provider::Openai } else { provider };
    FAMILIES.get(house.name())
}

/// The model where nobody says which.
pub(super) fn default_model(provider: Provider) -> Option<&'static str> {
    Some(&family(provider)?.default)
}

/// What a model costs at its own house.
pub(super) fn prices(provider: Provider, model: &str) -> Option<Prices> {
    let is_it =
        |name: &str| model.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("-20"));
    let prices = &family(provider)?.prices;
    prices.iter().find(|(name, _)| is_it(name)).map(|(_, prices)| *prices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        for provider in [Provider::Anthropic, Provider::Openai] {
            let default = default_model(provider).unwrap();
            assert!(prices(provider, default).is_some(), "{default} has no prices");
        }
        assert_eq!(default_model(Provider::Recording), None);
        for family in FAMILIES.values() {
            for (name, prices) in &family.prices {
                let Prices { input, output, cache_read, cache_write } = *prices;
                assert!(0.0 < cache_read && cache_read < input && input <= cache_write, "{name}");
                assert!(input < output, "{name}");
            }
        }
    }

    #[test]
    fn prices_are_of_the_name_and_its_dates_only() {
        let sol = prices(Provider::Openai, "gpt-6-sol");
        assert!(sol.is_some());
        assert_eq!(prices(Provider::Openai, "gpt-6-sol-2026-09-22"), sol);
        assert_eq!(prices(Provider::OpenaiChat, "gpt-6-sol"), sol);
        for other in ["gpt-6-sol-mini", "gpt-6-solar", "gpt-6", "qwen3:8b", ""] {
            assert_eq!(prices(Provider::Openai, other), None, "{other}");
        }
    }
}
