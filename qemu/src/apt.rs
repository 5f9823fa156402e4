// SPDX-License-Identifier: GPL-2.0

//! The machine's package archive, asked for one package of one suite: with the machine's own
//! mirror, proxy and keys, but with lists, state and configuration of our own, so that the system
//! stays as it was. apt's signed metadata vouches for what is found.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::checkout::make_dir;
use crate::checkout::write;
use crate::checkout::Cache;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::process::output;
use crate::toolchain::clean;

/// Debian's keys, where its versions keep them.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];
/// apt's downloader: it knows proxies, resumes, and checks the hash that it is given.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// A file in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where it is.
    pub uri: String,
    /// What it is called.
    pub name: String,
    /// How long it is.
    pub size: u64,
    /// Its SHA-256, from signed metadata.
    pub sha256: String,
}

/// One suite of the archive.
#[derive(Debug)]
pub struct Archive {
    conf: PathBuf,
    /// The mirror, for messages.
    pub mirror: String,
}

impl Archive {
    /// Sets up the private directories for `suite`.
    pub fn open(cache: &Cache, suite: &str) -> Result<Self> {
        let dir = cache.path("apt");
        for sub in ["lists/partial", "archives/partial", "state"] {
            make_dir(&dir.join(sub))?;
        }
        let mirror = mirror()?;
        write(&dir.join("status"), b"")?;
        write(
            &dir.join("sources.list"),
            format!("deb {}{mirror} {suite} main\n", signed_by()).as_bytes(),
        )?;
        let conf = dir.join("apt.conf");
        write(&conf, configuration(&dir)?.as_bytes())?;
        Ok(Self { conf, mirror })
    }

    /// Reads the suite's metadata afresh.
    pub fn update(&self) -> Result {
        let text = output(
            self.command("apt-get")
                .args(["-q", "-o", "APT::Update::Error-Mode=any", "update"]),
            Exit::Fetch,
        );
        text.map(drop).map_err(|failure| self.explain(failure))
    }

    /// The versions of `package` that there are, newest first.
    pub fn versions(&self, package: &str) -> Result<Vec<String>> {
        let text = output(
            self.command("apt-cache").args(["madison", package]),
            Exit::Fetch,
        )?;
        Ok(text
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .map(|version| version.trim().to_string())
            .collect())
    }

    /// Where the file of a package's version is.
    pub fn locate(&self, package: &str, version: &str) -> Result<Remote> {
        let mut command = self.command("apt-get");
        command.args(["--print-uris", "download"]);
        let text = output(command.arg(format!("{package}={version}")), Exit::Fetch)?;
        text.lines()
            .find_map(parse_uri)
            .ok_or_else(|| Failure::new(Exit::Fetch, "cannot read apt's answer", text))
    }

    /// The command that downloads a file to `to`.
    pub fn download(&self, remote: &Remote, to: &Path) -> Command {
        let mut command = self.command(HELPER);
        command
            .args(["-q", "download-file", &remote.uri])
            .arg(to)
            .arg(format!("SHA256:{}", remote.sha256));
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = clean(program);
        command.env("APT_CONFIG", &self.conf);
        command
    }

    /// apt's errors, sorted.
    pub fn explain(&self, failure: Failure) -> Failure {
        if failure.exit != Exit::Fetch {
            return failure;
        }
        let lines = failure.why.lines().filter(|line| {
            line.starts_with("E:") || line.starts_with("W:") || line.starts_with("Err:")
        });
        let why = lines.collect::<Vec<_>>().join("\n");
        let why = if why.is_empty() { failure.why } else { why };
        let what = format!("cannot fetch from {}", self.mirror);
        if why.contains("No space left") {
            return Failure::new(Exit::DiskFull, what, why).hint("free some space and run again");
        }
        if why.contains("Hash Sum mismatch") || why.contains("Hashes of received file") {
            return Failure::new(Exit::Checksum, what, why)
                .hint("the mirror may be in the middle of an update: try again later");
        }
        Failure::new(Exit::Fetch, what, why).hint(
            "check the network, or give KERNEL_SRC=<a kernel tree or tarball>; \
             what has been downloaded is kept",
        )
    }
}

/// The keys that the suite must be signed with; apt's own trusted ones if there is no keyring.
fn signed_by() -> String {
    let keyring = KEYRINGS.iter().find(|path| Path::new(path).is_file());
    keyring.map_or(String::new(), |path| format!("[signed-by={path}] "))
}

/// The mirror that the machine gets its own release from.
fn mirror() -> Result<String> {
    let mut command = clean("apt-get");
    command.args(["indextargets", "--format"]);
    command.arg("$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)");
    command.arg("Created-By: Packages");
    let targets = output(&mut command, Exit::Fetch).map_err(|failure| {
        Failure::new(Exit::Fetch, "cannot ask apt for the mirror", failure.why)
            .hint("without apt, give KERNEL_SRC=<a kernel tree or tarball>")
    })?;
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .unwrap_or("stable");
    choose_mirror(&targets, codename).ok_or_else(|| {
        Failure::new(
            Exit::Fetch,
            "this machine has no Debian mirror configured",
            format!("apt-get indextargets names none for {codename}"),
        )
        .hint("configure one for apt, or give KERNEL_SRC=<a kernel tree or tarball>")
    })
}

/// Of apt's index targets, the mirror of the release itself: not of its security updates, and not
/// of another vendor's packages.
fn choose_mirror(targets: &str, codename: &str) -> Option<String> {
    targets.lines().find_map(|line| {
        let mut fields = line.split('|');
        let (uri, release) = (fields.next()?, fields.next()?);
        let (component, origin) = (fields.next()?, fields.next()?);
        let own = release == codename || release == "stable";
        // Before the first `apt-get update` apt knows no origin.
        let debian = origin == "Debian" || origin.is_empty() || origin.starts_with("$(");
        let local = uri.starts_with("cdrom:");
        (own && debian && !local && component == "main").then(|| uri.to_string())
    })
}

/// apt's configuration: how the machine reaches the network, and nothing else of it.
fn configuration(dir: &Path) -> Result<String> {
    let dump = output(clean("apt-config").arg("dump"), Exit::Fetch)?;
    let network = dump
        .lines()
        .filter(|line| line.starts_with("Acquire::") && !line.contains("::IndexTargets"));
    let mut text: String = network.flat_map(|line| [line, "\n"]).collect();
    let dir = dir.display();
    for (name, value) in [
        ("Dir::Etc::Parts", "/dev/null".into()),
        ("Dir::Etc::Main", "/dev/null".into()),
        ("Dir::Etc::SourceParts", "/dev/null".into()),
        ("Dir::Etc::SourceList", format!("{dir}/sources.list")),
        ("Dir::State", format!("{dir}/state")),
        ("Dir::State::Lists", format!("{dir}/lists")),
        ("Dir::State::Status", format!("{dir}/status")),
        ("Dir::Cache", format!("{dir}")),
        ("Dir::Cache::Archives", format!("{dir}/archives")),
        // Our directories are ours alone: apt's own user could not write there.
        ("APT::Sandbox::User", "root".into()),
        ("Acquire::Languages", "none".into()),
        ("Acquire::Retries", "2".into()),
    ] {
        text += &format!("{name} \"{value}\";\n");
    }
    Ok(text)
}

/// A line of `apt-get --print-uris`: `'uri' name size SHA256:hash`.
fn parse_uri(line: &str) -> Option<Remote> {
    let (uri, rest) = line.strip_prefix('\'')?.split_once('\'')?;
    let mut words = rest.split_whitespace();
    Some(Remote {
        uri: uri.into(),
        name: words.next()?.into(),
        size: words.next()?.parse().ok()?,
        sha256: words.next()?.strip_prefix("SHA256:")?.into(),
    })
}

/// Which of the `versions` on offer (newest first) stands in for one that is gone: the newest of
/// the same series.
pub fn stand_in<'a>(versions: &'a [String], series: &str) -> Option<&'a String> {
    versions
        .iter()
        .find(|version| crate::pin::series(version) == series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_release_s_own() {
        let targets = "http://sec/debian-security/|bookworm-security|main|Debian\n\
            cdrom:[x]/|bookworm|main|Debian\n\
            http://vendor/|bookworm|main|Vendor\n\
            http://m/debian/|bookworm-updates|main|Debian\n\
            http://m/debian/|bookworm|contrib|Debian\n\
            http://m/debian/|bookworm|main|Debian\n";
        let chosen = choose_mirror(targets, "bookworm").unwrap();
        assert_eq!(chosen, "http://m/debian/");
        assert_eq!(choose_mirror(targets, "trixie"), None);
        let never_updated = "http://m/debian/|trixie|main|$(ORIGIN)\n";
        assert!(choose_mirror(never_updated, "trixie").is_some());
    }

    #[test]
    fn apt_s_uris_are_read() {
        let remote = parse_uri("'http://m/x_1%2b.deb' x_1+_all.deb 12 SHA256:ab").unwrap();
        assert_eq!(remote.name, "x_1+_all.deb");
        assert_eq!(remote.size, 12);
        assert_eq!(remote.sha256, "ab");
        assert_eq!(parse_uri("E: no such thing"), None);
        assert_eq!(parse_uri("'u' n 12 MD5:ab"), None);
    }

    #[test]
    fn the_newest_of_the_same_series_stands_in() {
        let versions = ["7.4.1-1", "7.3.9-1", "7.3.5-1", "7.30.1-1"].map(String::from);
        assert_eq!(stand_in(&versions, "7.3").unwrap(), "7.3.9-1");
        assert_eq!(stand_in(&versions, "7.2"), None);
    }
}
