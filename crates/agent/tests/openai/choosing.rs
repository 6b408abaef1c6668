//! Which model is meant: what is said, what is configured, what the environment has.

use super::mock::{chat, server::Server};
use agent::model::{ConfiguredModels, ModelSettings, ModelSpec, choose, open};
use std::{collections::BTreeMap, net::TcpListener};

/// A port on which nothing listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn environment<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + Sync + 'a {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    move |name| variables.get(name).map(|value| (*value).to_owned())
}

#[tokio::test]
async fn without_a_word_the_environment_decides() {
    let ollama = Server::start(|received, _| chat::ollama(received).unwrap()).await.unwrap();
    let nobody = nobody();
    let table: [(&[(&str, &str)], &str); 9] = [
        (&[("ANTHROPIC_API_KEY", "a"), ("OPENAI_API_KEY", "o")], "anthropic:claude-"),
        (&[("ANTHROPIC_API_KEY", "a"), ("ANTHROPIC_MODEL", "m")], "anthropic:m"),
        (&[("ANTHROPIC_API_KEY", "a"), ("ANTHROPIC_MODEL", "")], "anthropic:claude-"),
        (&[("ANTHROPIC_API_KEY", ""), ("OPENAI_API_KEY", "o")], "openai:gpt-"),
        (&[("ANTHROPIC_API_KEY", " \n"), ("OPENAI_API_KEY", "o"), ("OPENAI_MODEL", " m ")], "openai:m"),
        (&[("OPENAI_API_KEY", "o"), ("OLLAMA_HOST", &ollama.url())], "openai:gpt-"),
        (&[("OLLAMA_HOST", &ollama.url())], "openai-chat:tooled:1"),
        (&[("OLLAMA_HOST", &ollama.url()), ("OPENAI_API_KEY", "")], "openai-chat:tooled:1"),
        (&[("OLLAMA_HOST", &ollama.url()), ("OPENAI_MODEL", "m")], "openai-chat:tooled:1"),
    ];
    for (variables, expected) in table {
        let environment = environment(variables);
        let (spec, settings) = choose(None, &ConfiguredModels::new(), &environment).await.unwrap();
        assert!(spec.to_string().starts_with(expected), "{variables:?} {spec}");
        let model = open(&spec, &settings, &environment).unwrap();
        assert_eq!(model.name(), spec.to_string());
        assert!(model.traits().tools && model.traits().images);
    }
    let variables = [("OLLAMA_HOST", nobody.as_str()), ("ANTHROPIC_API_KEY", "")];
    let error = choose(None, &ConfiguredModels::new(), &environment(&variables)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("choose a model: no key is set, and no Ollama answers at http://{nobody}")
    );
    let hint = error.hint().unwrap();
    for word in ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "Ollama", "--model", "recording:FILE"] {
        assert!(hint.contains(word), "{hint}");
    }
}

#[tokio::test]
async fn an_ollama_without_tools_is_used_without_and_an_empty_one_not_at_all() {
    let only = |name: &'static str| {
        Server::start(move |received, _| match received.path.as_str() {
            "/api/tags" => {
                let models = if name.is_empty() { vec![] } else { vec![serde_json::json!({ "name": name })] };
                super::mock::server::Answer::json(200, &serde_json::json!({ "models": models }))
            }
            _ => chat::ollama(received).unwrap(),
        })
    };
    let find = async |server: &Server| {
        let url = server.url();
        choose(None, &ConfiguredModels::new(), &|name| (name == "OLLAMA_HOST").then(|| url.clone())).await
    };
    let server = only("plain:1").await.unwrap();
    let (spec, settings) = find(&server).await.unwrap();
    assert_eq!((spec.name.as_str(), settings.tools, settings.images), ("plain:1", Some(false), Some(false)));
    for name in ["embed:1", ""] {
        let server = only(name).await.unwrap();
        let error = find(&server).await.unwrap_err().to_string();
        assert!(
            error.ends_with(&format!("the Ollama at {} has no model that writes text", server.url())),
            "{error}"
        );
    }
}

#[tokio::test]
async fn what_is_said_counts_more_than_the_environment() {
    let variables = [("ANTHROPIC_API_KEY", "a"), ("OPENAI_API_KEY", "o")];
    let configured: ConfiguredModels = toml::from_str("[house]\nprovider = 'openai'\nmodel = 'm'").unwrap();
    for (text, expected) in [("gpt-6-luna", "openai:gpt-6-luna"), ("house", "openai:m")] {
        let (spec, _) = choose(Some(text), &configured, &environment(&variables)).await.unwrap();
        assert_eq!(spec.to_string(), expected);
    }
    let error = choose(Some("luna"), &configured, &environment(&variables)).await.unwrap_err();
    assert!(error.hint().unwrap().contains("house"), "{error}");
}

#[test]
fn keys_go_only_where_they_belong() {
    let no_key = |variable: &str| format!("{variable} is not set");
    let plain = "would get the key unencrypted".to_owned();
    let fine = String::new();
    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], String);
    let table: [Row; 14] = [
        ("anthropic:m", "", &[], no_key("ANTHROPIC_API_KEY")),
        ("openai:m", "", &[("OPENAI_API_KEY", " ")], no_key("OPENAI_API_KEY")),
        ("openai-chat:m", "", &[], no_key("OPENAI_API_KEY")),
        ("openai:m", "", &[("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")], fine.clone()),
        (
            "openai:m",
            "",
            &[("OPENAI_BASE_URL", "http://10.0.0.9/v1"), ("OPENAI_API_KEY", "o")],
            plain.clone(),
        ),
        ("openai:m", "", &[("OPENAI_BASE_URL", "http://10.0.0.9/v1")], fine.clone()),
        // OpenAI's key does not go to a server that only speaks as OpenAI does.
        ("openai-chat:m@http://10.0.0.9/v1", "", &[("OPENAI_API_KEY", "o")], fine.clone()),
        ("openai-chat:m@http://10.0.0.9/v1", "key_env = 'K'", &[("K", "k")], plain.clone()),
        (
            "openai-chat:m@http://10.0.0.9/v1",
            "key_env = 'K'\nallow_plain_http = true",
            &[("K", "k")],
            fine.clone(),
        ),
        ("openai-chat:m@http://127.0.0.1:1/v1", "key_env = 'K'", &[("K", "k")], fine.clone()),
        ("openai-chat:m@http://[::1]:1/v1", "key_env = 'K'", &[("K", "k")], fine.clone()),
        ("openai-chat:m@http://127.0.0.1:1/v1", "key_env = 'K'", &[("OPENAI_API_KEY", "o")], no_key("K")),
        ("anthropic:m@http://10.0.0.9", "", &[("ANTHROPIC_API_KEY", "a")], plain),
        ("openai-chat:m@ftp://x", "", &[], no_key("OPENAI_API_KEY")),
    ];
    for (text, settings, variables, expected) in table {
        let (spec, parsed) = ModelSpec::parse(text, &ConfiguredModels::new()).unwrap();
        let mut settings: ModelSettings = toml::from_str(settings).unwrap();
        settings.base_url = parsed.base_url;
        let said = open(&spec, &settings, &environment(variables)).err().map(|error| {
            assert!(error.hint().is_some(), "{error}");
            error.to_string()
        });
        let said = said.unwrap_or_default();
        assert!(
            said.contains(&expected) && said.is_empty() == expected.is_empty(),
            "{text} {variables:?}: {said}"
        );
    }
}

#[test]
fn prices_are_those_of_the_provider_itself() {
    let table = [
        ("openai:gpt-6-luna", "", true),
        ("openai-chat:gpt-6-luna", "", true),
        ("openai-chat:gpt-6-luna@http://127.0.0.1:1/v1", "", false),
        ("openai:m", "", false),
        ("openai:m", "prices = { input = 1, output = 2, cache_read = 0.1, cache_write = 1 }", true),
    ];
    for (text, settings, known) in table {
        let (spec, parsed) = ModelSpec::parse(text, &ConfiguredModels::new()).unwrap();
        let mut settings: ModelSettings = toml::from_str(settings).unwrap();
        settings.base_url = parsed.base_url;
        let model =
            open(&spec, &settings, &|name| name.ends_with("_API_KEY").then(|| "key".to_owned())).unwrap();
        assert_eq!(model.traits().prices.is_some(), known, "{text} {settings:?}");
    }
}
