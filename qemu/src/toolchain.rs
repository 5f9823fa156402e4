// SPDX-License-Identifier: GPL-2.0

//! The tools that `scripts/setup` chose, and how the kernel's make is called with them.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::checkout::Cache;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::process;

/// Where `scripts/setup` writes down what it chose, in the cache.
const FILE: &str = "toolchain.env";
/// Where programs are looked up: not in the user's own directories, which may shadow them.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What of the user's environment the tools may see.
const KEPT: [&str; 12] = [
    "HOME",
    "TMPDIR",
    "USER",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "CARGO_HTTP_CAINFO",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// The chosen tools.
#[derive(Clone, Debug)]
pub struct Toolchain {
    values: BTreeMap<String, String>,
    /// For which architecture kernels are built; none is the host's.
    architecture: Option<&'static str>,
    /// The tools' own words about their versions: part of every build's key.
    pub versions: String,
}

impl Toolchain {
    /// Reads what `scripts/setup` chose and asks each tool for its version.
    pub fn load(cache: &Cache) -> Result<Self> {
        let path = cache.path(FILE);
        let text = fs::read_to_string(&path).map_err(|e| {
            Failure::new(Exit::Setup, format!("cannot read {}", path.display()), e)
                .hint("run scripts/setup")
        })?;
        let mut this = Self {
            values: parse(&text),
            architecture: None,
            versions: String::new(),
        };
        this.versions = this.ask_versions()?;
        Ok(this)
    }

    fn ask_versions(&self) -> Result<String> {
        let clang = format!("clang{}", self.get("LLVM_SUFFIX")?);
        let linker = format!("ld.lld{}", self.get("LLVM_SUFFIX")?);
        let mut all = String::new();
        for (program, flag) in [
            (self.get("RUSTC")?, "-Vv"),
            (self.get("BINDGEN")?, "--version"),
            (clang.as_str(), "--version"),
            (linker.as_str(), "--version"),
        ] {
            all += &process::output(self.command(program).arg(flag), Exit::Setup)?;
        }
        Ok(all)
    }

    /// The same for kernels of `architecture`, as `ARCH` names it.
    pub fn for_architecture(&self, architecture: &'static str) -> Self {
        Self {
            architecture: Some(architecture),
            ..self.clone()
        }
    }

    /// One of the chosen values.
    pub fn get(&self, name: &str) -> Result<&str> {
        self.values.get(name).map(String::as_str).ok_or_else(|| {
            Failure::new(Exit::Setup, format!("{FILE} does not name {name}"), "")
                .hint("run scripts/setup --force")
        })
    }

    /// A command in a clean environment: nothing that the caller's make, shell or rustup left
    /// there reaches it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = clean(program);
        if let Some(path) = self.values.get("LIBCLANG_PATH") {
            command.env("LIBCLANG_PATH", path);
        }
        command
    }

    /// `cargo`, with the chosen compiler.
    pub fn cargo(&self) -> Result<Command> {
        self.cargo_program(Path::new(self.get("CARGO")?))
    }

    /// `cargo clippy`, with the chosen compiler. Not by way of cargo, which would prefer a
    /// cargo-clippy of rustup's.
    pub fn cargo_clippy(&self) -> Result<Command> {
        self.cargo_program(&Path::new(self.get("CLIPPY_DRIVER")?).with_file_name("cargo-clippy"))
    }

    fn cargo_program(&self, program: &Path) -> Result<Command> {
        let mut command = self.command(&program.to_string_lossy());
        for name in ["RUSTC", "RUSTDOC", "RUSTFMT"] {
            command.env(name, self.get(name)?);
        }
        if let Some(home) = env::var_os("CARGO_HOME") {
            command.env("CARGO_HOME", home);
        }
        Ok(command)
    }

    /// The kernel's `make` in `dir`, with the chosen tools.
    pub fn make(&self, dir: &Path) -> Result<Command> {
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        let mut command = self.command("make");
        command.arg("-C").arg(dir).arg(format!("-j{jobs}"));
        command.args(self.make_variables()?);
        // The build's time, user and host are in the kernel's version: the same everywhere.
        command
            .env("KBUILD_BUILD_TIMESTAMP", "Thu Jan  1 00:00:00 UTC 1970")
            .env("KBUILD_BUILD_USER", "lab")
            .env("KBUILD_BUILD_HOST", "rust-loopback");
        Ok(command)
    }

    /// What the kernel's make has to be told.
    pub fn make_variables(&self) -> Result<Vec<String>> {
        // Without a suffix to the tools' names, kbuild wants a 1.
        let llvm = match self.get("LLVM_SUFFIX")? {
            "" => "1",
            suffix => suffix,
        };
        let mut all = vec![format!("LLVM={llvm}")];
        all.extend(self.architecture.map(|name| format!("ARCH={name}")));
        for name in ["RUSTC", "RUSTDOC", "RUSTFMT", "BINDGEN", "RUST_LIB_SRC"] {
            all.push(format!("{name}={}", self.get(name)?));
        }
        Ok(all)
    }
}

/// A command in a clean environment.
pub fn clean(program: &str) -> Command {
    let mut command = process::command(program);
    command
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8");
    for name in KEPT {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().into(), value.trim().into()))
        .collect()
}
