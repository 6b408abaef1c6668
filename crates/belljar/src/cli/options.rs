//! What `run`, `repl`, `ask` and `mcp` share on the command line, turned into a request.

use super::Site;
use super::failure::{Done, Failure};
use interpreter::{OciSettings, SandboxRequest, Settings};
use protocol::{Limits, Require, parse_size};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The template that has what models expect: where a model, or a program for one, says nothing.
pub const TEMPLATE: &str = "code-interpreter";

/// How the sandbox shall be.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Sandbox")]
pub struct SandboxArgs {
    /// What is installed: python, data, code-interpreter, full [default: run: the smallest that has what the code
    /// imports; repl: python; ask, mcp: code-interpreter]
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
    /// Wall time of an execution [default: 30]
    #[arg(long, value_name = "SECS", allow_hyphen_values = true)]
    pub timeout: Option<String>,
    /// CPU time of an execution [default: no limit of its own]
    #[arg(long, value_name = "SECS", allow_hyphen_values = true)]
    pub cpu: Option<String>,
    /// Memory of the whole sandbox, such as 512M or 2G [default: 512M]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub memory: Option<String>,
    /// Processes and threads at once [default: 128]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub pids: Option<String>,
    /// Size of /workspace, which lives in memory [default: 256M]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub disk: Option<String>,
    /// A variable of the environment (repeatable)
    #[arg(long, value_name = "K=V")]
    pub env: Vec<String>,
    /// How sandboxes are made: native, oci [default: the first that works here]
    #[arg(long, value_name = "NAME")]
    pub backend: Option<String>,
    /// The image of containers [default: one that is made of the template]
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// The engine's runtime for containers: runc, crun, runsc, kata, … [default: the engine's own choice]
    #[arg(long, value_name = "NAME")]
    pub runtime: Option<String>,
    /// Refuse to run below this isolation: shared-kernel, user-kernel, wasm, vm, remote, or weak, standard, full
    #[arg(long, value_name = "LEVEL")]
    pub require: Option<String>,
}

impl SandboxArgs {
    /// The request for a sandbox with this template; every value is checked.
    pub fn request(&self, template: &str) -> Done<SandboxRequest> {
        let require = self.require.as_deref().map(str::parse::<Require>).transpose();
        let require = require.map_err(|error| Failure::usage("require", error.to_string()))?;
        Ok(SandboxRequest {
            template: Some(template.to_owned()),
            limits: self.limits()?,
            env: self.env()?,
            require,
            backend: self.backend.clone(),
            home_is_workspace: false,
        })
    }

    /// How the interpreter is set up, with what the configuration says where these say nothing.
    pub fn settings(&self, site: &Site) -> Done<Settings> {
        let mut settings = configured(site)?;
        settings.backend = self.backend.clone().or(settings.backend);
        settings.oci.image = self.image.clone().or(settings.oci.image);
        settings.oci.runtime = self.runtime.clone().or(settings.oci.runtime);
        let oci = settings.backend.as_deref() == Some("oci");
        if let Some(flag) =
            [("image", &self.image), ("runtime", &self.runtime)].iter().find(|(_, set)| set.is_some())
            && !oci
        {
            let message = format!("use --{} without containers", flag.0);
            return Err(Failure::usage("backend", message).hint("add --backend oci"));
        }
        Ok(settings)
    }

    fn limits(&self) -> Done<Limits> {
        let mut limits = Limits::default();
        if let Some(text) = &self.timeout {
            limits.timeout_ms = milliseconds("timeout", text)?;
        }
        limits.cpu_ms = self.cpu.as_deref().map(|text| milliseconds("cpu", text)).transpose()?;
        if let Some(text) = &self.memory {
            limits.memory_bytes = size("memory", text)?;
        }
        if let Some(text) = &self.disk {
            limits.disk_bytes = size("disk", text)?;
        }
        if let Some(text) = &self.pids {
            limits.pids = text.parse().map_err(|_| wrong("pids", text, "expected a number such as 128"))?;
        }
        limits.check().map_err(|error| {
            let given = self.given(error.name).unwrap_or(&error.value);
            wrong(error.name, given, error.why)
        })?;
        Ok(limits)
    }

    fn given(&self, name: &str) -> Option<&str> {
        let value = match name {
            "timeout" => &self.timeout,
            "cpu" => &self.cpu,
            "memory" => &self.memory,
            "pids" => &self.pids,
            "disk" => &self.disk,
            _ => return None,
        };
        value.as_deref()
    }

    fn env(&self) -> Done<BTreeMap<String, String>> {
        let pairs = self.env.iter().map(|text| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => {
                Err(wrong("env", text, "expected a name and a value").hint("for example --env LANG=C.UTF-8"))
            }
        });
        pairs.collect()
    }
}

/// How the interpreter is set up, as the configuration says.
pub fn configured(site: &Site) -> Done<Settings> {
    let config = site.config()?.backend;
    let mut settings = Settings::new(site.data_dir()?);
    settings.backend = config.default;
    settings.oci = engines(config.oci);
    Ok(settings)
}

/// The places in which this user's environment says that engines listen, first.
pub fn engines(mut oci: OciSettings) -> OciSettings {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let host = set("DOCKER_HOST").and_then(|host| host.to_str()?.strip_prefix("unix://").map(PathBuf::from));
    let folder = set("XDG_RUNTIME_DIR").map(PathBuf::from);
    let own =
        folder.iter().flat_map(|folder| [folder.join("docker.sock"), folder.join("podman/podman.sock")]);
    oci.sockets.extend(host.into_iter().chain(own));
    oci
}

fn wrong(flag: &str, given: &str, why: &str) -> Failure {
    let example = match flag {
        "timeout" | "cpu" | "deadline" => "seconds, for example --timeout 30 or --timeout 0.5",
        "memory" | "disk" | "warm-memory" => "a number with K, M or G, for example 512M",
        "pids" => "--pids 128 is the default",
        _ => "`belljar run --help` lists the options",
    };
    Failure::usage("limits", format!("use --{flag} {given:?}: {why}")).hint(example)
}

/// A size as an option has it, in bytes.
pub fn size(flag: &str, text: &str) -> Done<u64> {
    parse_size(text).map_err(|error| wrong(flag, text, error.why))
}

/// Seconds, perhaps with a fraction, in milliseconds. A value above 0 never becomes 0.
pub fn milliseconds(flag: &str, text: &str) -> Done<u64> {
    let seconds = text.strip_suffix('s').unwrap_or(text).parse::<f64>().ok();
    match seconds {
        Some(seconds) if (0.0..=31_536_000.0).contains(&seconds) => Ok((seconds * 1000.0).ceil() as u64),
        Some(seconds) if seconds > 0.0 => Err(wrong(flag, text, "at most a year can be waited for")),
        _ => Err(wrong(flag, text, "expected a number of seconds above 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_cannot_hold_are_named_as_they_were_given() {
        type Set = fn(&mut SandboxArgs, &str);
        let cases: [(Set, &str, &str); 12] = [
            (|args, text| args.timeout = Some(text.into()), "0", "--timeout \"0\""),
            (|args, text| args.timeout = Some(text.into()), "-1", "--timeout \"-1\""),
            (|args, text| args.timeout = Some(text.into()), "nan", "--timeout"),
            (|args, text| args.timeout = Some(text.into()), "inf", "a year"),
            (|args, text| args.cpu = Some(text.into()), "0", "--cpu \"0\""),
            (|args, text| args.memory = Some(text.into()), "1", "--memory \"1\""),
            (|args, text| args.memory = Some(text.into()), "lots", "--memory \"lots\""),
            (|args, text| args.disk = Some(text.into()), "1", "--disk \"1\""),
            (|args, text| args.pids = Some(text.into()), "1", "--pids \"1\""),
            (|args, text| args.pids = Some(text.into()), "-3", "--pids \"-3\""),
            (|args, text| args.env = vec![text.into()], "NAME", "--env \"NAME\""),
            (|args, text| args.require = Some(text.into()), "strong", "strong"),
        ];
        for (set, value, part) in cases {
            let mut args = SandboxArgs::default();
            set(&mut args, value);
            let failure = args.request("python").unwrap_err();
            assert!(failure.message.contains(part), "{failure}");
            assert_eq!(failure.exit, 2);
        }
    }

    #[test]
    fn values_become_limits() {
        let args = SandboxArgs {
            timeout: Some("0.0001".into()),
            memory: Some("1G".into()),
            env: vec!["A=b=c".into()],
            require: Some("full".into()),
            ..SandboxArgs::default()
        };
        let request = args.request("data").unwrap();
        assert_eq!((request.limits.timeout_ms, request.limits.memory_bytes), (1, 1 << 30));
        assert_eq!(request.env["A"], "b=c");
        assert_eq!(request.template.as_deref(), Some("data"));
        assert!(request.require.is_some());
    }
}
