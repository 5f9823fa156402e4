// SPDX-License-Identifier: GPL-2.0

//! The test kernel: built if it must be, used if it is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use lab_protocol::Variant;
use serde::Deserialize;
use serde::Serialize;

use crate::build;
use crate::checkout::make_dir;
use crate::checkout::read_text;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::write_if_changed;
use crate::checkout::Cache;
use crate::checkout::Checkout;
use crate::config;
use crate::config::Config;
use crate::config::Fragment;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::key::Key;
use crate::options;
use crate::options::Options;
use crate::overlay::Overlay;
use crate::process;
use crate::progress::Progress;
use crate::slot;
use crate::slot::Slot;
use crate::slot::Wanted;
use crate::slot::STAMP;
use crate::source;
use crate::source::Source;
use crate::toolchain::clean;
use crate::toolchain::Toolchain;
use crate::ui::Stage;

/// To be raised when a change to the lab changes what it builds.
const RECIPE: &str = "3";
/// The kernel's own program that puts a boot configuration behind an initramfs.
pub const BOOTCONFIG: &str = "tools/bootconfig/bootconfig";
/// Set in the configuration of a kernel that has the driver built in.
const BUILT_IN: &str = "RUST_LOOPBACK";
/// How often to look again if others keep changing what was just built.
const ATTEMPTS: usize = 5;

/// A finished kernel build. It stays as it is while this lives.
#[derive(Debug)]
pub struct Kernel {
    /// The source tree, with this project's changes.
    pub source: PathBuf,
    /// The build directory.
    pub build: PathBuf,
    /// The bootable image.
    pub image: PathBuf,
    /// What `uname -r` says in it.
    pub release: String,
    /// Which variant it is.
    pub variant: Variant,
    /// Whether it is the sanitised one.
    pub debug: bool,
    /// What it was built with, and modules for it must be.
    pub toolchain: Toolchain,
    /// Where it was built.
    pub slot: Slot,
}

impl Kernel {
    /// A file of the source as it was before this project changed it.
    pub fn pristine(&self, path: &str) -> PathBuf {
        self.slot.pristine(Path::new(path))
    }

    /// The texts of files of the source as they were before this project changed it.
    pub fn pristine_texts(&self, paths: &[&str]) -> Result<Vec<String>> {
        let read = |path: &&str| read_text(&self.pristine(path));
        paths.iter().map(read).collect()
    }

    /// The symbols that its configuration sets to `y`.
    pub fn config(&self) -> Result<BTreeSet<String>> {
        let text = read_text(&self.build.join(".config"))?;
        Ok(text
            .lines()
            .filter_map(|line| line.strip_suffix("=y"))
            .map(String::from)
            .collect())
    }
}

/// A complete build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    key: String,
    release: String,
}

/// The kernel that the checkout and the options ask for; built if it is not there.
pub fn ensure(checkout: &Checkout, options: &Options) -> Result<Kernel> {
    let cache = Cache::open()?;
    let toolchain = toolchain(&cache, options)?;
    let start = Instant::now();
    let mut built = false;
    for _ in 0..ATTEMPTS {
        let overlay = Overlay::load(checkout)?;
        let source = Source::find(&cache, checkout, options)?;
        let plan = Plan::lay(&cache, checkout, options, &toolchain, &source, &overlay)?;
        if let Some(kernel) = plan.find()? {
            if !built {
                let outcome = format!("{}, up to date", kernel.release);
                Stage::brief("kernel", &outcome, start);
            }
            return Ok(kernel);
        }
        built |= plan.build()?;
    }
    Err(Failure::new(
        Exit::Internal,
        "the kernel that was built is not the one that is needed",
        format!("{ATTEMPTS} times in a row something changed it"),
    ))
}

/// Whether the kernel that the checkout and the options ask for is there.
pub fn is_built(checkout: &Checkout, options: &Options) -> Result<bool> {
    let cache = Cache::open()?;
    let toolchain = toolchain(&cache, options)?;
    let overlay = Overlay::load(checkout)?;
    let source = Source::find(&cache, checkout, options)?;
    let plan = Plan::lay(&cache, checkout, options, &toolchain, &source, &overlay)?;
    Ok(plan.find()?.is_some())
}

/// Where the source is that the options ask for, whatever is built from it. Where it is not there
/// yet, it comes with a kernel.
pub fn source(checkout: &Checkout, options: &Options) -> Result<Slot> {
    let cache = Cache::open()?;
    let source = Source::find(&cache, checkout, options)?;
    if let Some(slot) = Slot::of(&cache, &source)? {
        return Ok(slot);
    }
    ensure(checkout, options).map(|kernel| kernel.slot)
}

/// The texts of files of the kernel's source as it was before this project changed it, if some build
/// has brought that here already.
pub fn peek(checkout: &Checkout, options: &Options, paths: &[&str]) -> Result<Option<Vec<String>>> {
    let cache = Cache::open()?;
    let source = Source::find(&cache, checkout, options)?;
    let Some(dir) = slot::of_source(&cache, &source.identity()?)? else {
        return Ok(None);
    };
    let read = |path: &&str| fs::read_to_string(source::pristine(&dir, Path::new(path))).ok();
    Ok(paths.iter().map(read).collect())
}

struct Plan<'a> {
    cache: &'a Cache,
    checkout: &'a Checkout,
    options: &'a Options,
    toolchain: &'a Toolchain,
    fragments: Vec<Fragment>,
    wanted: Wanted<'a>,
}

impl<'a> Plan<'a> {
    fn lay(
        cache: &'a Cache,
        checkout: &'a Checkout,
        options: &'a Options,
        toolchain: &'a Toolchain,
        source: &'a Source,
        overlay: &'a Overlay,
    ) -> Result<Self> {
        let fragments = config::fragments(checkout, options)?;
        Ok(Self {
            cache,
            checkout,
            options,
            toolchain,
            wanted: Wanted {
                source,
                identity: source.identity()?,
                content: source.content(),
                overlay,
                driver: config::wants(&fragments, BUILT_IN),
            },
            fragments,
        })
    }

    /// A hash of all that goes into the build.
    fn key(&self) -> Result<String> {
        let mut key = Key::default();
        key.part("recipe", RECIPE.as_bytes())
            .part("identity", self.wanted.identity.as_bytes())
            .part("content", self.wanted.content.as_bytes())
            .part("overlay", self.wanted.overlay.key.as_bytes())
            .part("build", self.options.build_name().as_bytes())
            .part("tools", self.tools()?.as_bytes());
        if self.wanted.driver {
            key.part("driver", self.wanted.overlay.driver_key.as_bytes());
        }
        for fragment in &self.fragments {
            key.part("fragment", fragment.text.as_bytes());
        }
        Ok(key.hex())
    }

    fn tools(&self) -> Result<String> {
        let variables = self.toolchain.make_variables()?.join("\n");
        Ok(format!("{}\n{variables}", self.toolchain.versions))
    }

    fn build_dir(&self, linux: &Path) -> PathBuf {
        linux.join(format!("build-{}", self.options.build_name()))
    }

    fn find(&self) -> Result<Option<Kernel>> {
        let key = self.key()?;
        let fresh = |linux: &Path| stamp(&self.build_dir(linux)).is_some_and(|s| s.key == key);
        let Some(slot) = Slot::find(self.cache, &self.wanted, &fresh)? else {
            return Ok(None);
        };
        let source = slot.linux();
        let build = self.build_dir(&source);
        let Some(stamp) = stamp(&build) else {
            return Ok(None);
        };
        Ok(Some(Kernel {
            image: build.join(image(self.options)),
            release: stamp.release,
            variant: self.options.variant,
            debug: self.options.debug,
            toolchain: self.toolchain.clone(),
            source,
            build,
            slot,
        }))
    }

    /// Builds it, unless it turns out that another lab just did; says which.
    fn build(&self) -> Result<bool> {
        let mut slot = Slot::claim(self.cache, self.checkout, &self.wanted)?;
        if slot.identity() != self.wanted.identity {
            // Another version stood in for the one that was asked for: plan again.
            return Ok(false);
        }
        if !slot.sync(&self.wanted)? {
            // Somebody is editing: plan again.
            return Ok(false);
        }
        let linux = slot.linux();
        let dir = self.build_dir(&linux);
        let key = self.key()?;
        if stamp(&dir).is_some_and(|stamp| stamp.key == key) {
            return Ok(false);
        }
        let outcome = self.build_in(&linux, &dir, &key);
        // What make itself ended is consistent; what had to be killed may not be.
        if !process::killed_hard() && dir.exists() {
            build::end(&dir)?;
        }
        outcome.map(|()| true)
    }

    fn build_in(&self, linux: &Path, dir: &Path, key: &str) -> Result {
        let recovered = build::recover(dir)?;
        if recovered > 0 {
            let stage = Stage::start("clean", "");
            stage.done(&format!("{recovered} files of a build that was cut short"));
        }
        if !dir.exists() {
            self.start_from_sibling(linux, dir)?;
        }
        make_dir(dir)?;
        let empty = !dir.join("init").exists();
        remove(&dir.join(STAMP))?;
        build::begin(dir)?;
        let log = self
            .checkout
            .log(&format!("kernel-{}", self.options.build_name()))?;
        remove(&log)?;
        Config {
            linux,
            build: dir,
            fragments: &self.fragments,
            context: &format!(
                "{}{}{}",
                self.wanted.content,
                self.wanted.overlay.config_key,
                self.tools()?
            ),
        }
        .ensure(self.toolchain, &log, self.options.verbose)?;
        // A module for another kernel is refused by its version magic.
        let name = self.options.build_name();
        let local = format!("-lo-{name}-{}\n", &key[..12]);
        write_if_changed(&dir.join("localversion-lab"), local.as_bytes())?;
        let stamp = Stamp {
            key: key.into(),
            release: self.make(linux, dir, &log, empty)?,
        };
        let text = serde_json::to_vec(&stamp)
            .map_err(|e| Failure::new(Exit::Internal, "cannot write the stamp", e))?;
        write(&dir.join(STAMP), &text)
    }

    /// A finished build of another variant is most of this one's work.
    fn start_from_sibling(&self, linux: &Path, dir: &Path) -> Result {
        let entries = fs::read_dir(linux).map_err(|e| Failure::io("read", linux, e))?;
        let flavour = |path: &PathBuf| flavour_of(&path.file_name()?.to_string_lossy());
        let like_it = |flavour: String| {
            flavour.ends_with("-debug") == self.options.debug
                && flavour.contains(options::UML) == self.options.uml
        };
        let usable = |path: &PathBuf| flavour(path).is_some_and(like_it) && stamp(path).is_some();
        let mut siblings: Vec<_> = entries.flatten().map(|e| e.path()).filter(usable).collect();
        let wanted = Some(self.options.flavour());
        siblings.sort_by_key(|path| flavour(path) != wanted);
        let sibling = siblings.into_iter().next();
        let Some(sibling) = sibling else {
            return Ok(());
        };
        let mut stage = Stage::start("copy", "starting from another variant");
        let copy = linux.join(".build-copy");
        remove_tree(&copy)?;
        let mut cp = clean("cp");
        cp.args(["--archive", "--reflink=auto", "--"])
            .arg(&sibling)
            .arg(&copy);
        stage.tick();
        process::output(&mut cp, Exit::Cache)?;
        remove(&copy.join(STAMP))?;
        build::relocate(&copy, &sibling, dir)?;
        fs::rename(&copy, dir).map_err(|e| Failure::io("rename", &copy, e))?;
        let name = sibling
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        stage.done(&format!("started from {name}"));
        Ok(())
    }

    /// Builds it in `dir`; its release.
    fn make(&self, linux: &Path, dir: &Path, log: &Path, empty: bool) -> Result<String> {
        let version = source::version(linux)?;
        let what = format!("building {version} ({})", self.options.build_name());
        let mut stage = Stage::start("kernel", &what);
        let shown = PathBuf::from(self.checkout.show(log));
        if empty {
            crate::ui::line(&format!("  {:10} log: {}", "", shown.display()));
        }
        let mut progress = Progress::start(self.cache, &self.options.build_name(), dir, empty);
        let mut command = self.toolchain.make(linux)?;
        command
            .arg(format!("O={}", dir.display()))
            .args([target(self.options), "modules"]);
        let outcome =
            process::run_logged(&mut command, log, self.options.verbose, None, &mut |text| {
                progress.feed(text, stage.elapsed());
                let eta = progress.time_left(stage.elapsed());
                stage.update(progress.fraction(), eta, &progress.current);
            });
        if !outcome.as_ref().is_ok_and(|end| end.status.success()) {
            progress.abandon(dir)?;
            stage.fail();
            outcome?;
            return Err(build::failure("the kernel", log, &shown));
        }
        progress.finish(dir)?;
        self.make_bootconfig(linux, dir, log, &shown)?;
        let release = finished(dir, image(self.options))?;
        stage.done(&format!("built {release}"));
        Ok(release)
    }

    /// Builds [`BOOTCONFIG`], which the kernel's make leaves out.
    fn make_bootconfig(&self, linux: &Path, dir: &Path, log: &Path, shown: &Path) -> Result {
        let program = Path::new(BOOTCONFIG);
        let home = program.parent().unwrap_or(program);
        make_dir(&dir.join(home))?;
        let mut command = self.toolchain.make(&linux.join(home))?;
        command.arg(format!("OUTPUT={}/", dir.join(home).display()));
        let verbose = self.options.verbose;
        let end = process::run_logged(&mut command, log, verbose, None, &mut |_| {})?;
        if end.status.success() {
            return Ok(());
        }
        Err(build::failure("the kernel's bootconfig", log, shown))
    }
}

/// The tools for the kernel that the options ask for.
fn toolchain(cache: &Cache, options: &Options) -> Result<Toolchain> {
    let toolchain = Toolchain::load(cache)?;
    Ok(match options.uml {
        true => toolchain.for_architecture("um"),
        false => toolchain,
    })
}

/// The bootable image, in the build directory.
fn image(options: &Options) -> &'static str {
    match options.uml {
        true => "linux",
        false => "arch/x86/boot/bzImage",
    }
}

/// What make calls that image.
fn target(options: &Options) -> &'static str {
    match options.uml {
        true => "linux",
        false => "bzImage",
    }
}

/// Removes a directory with all that is in it; one that is not there is no error.
pub fn remove_tree(path: &Path) -> Result {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Failure::io("remove", path, e)),
        _ => Ok(()),
    }
}

/// What a build directory's name says besides the variant; none if it is no build directory.
fn flavour_of(name: &str) -> Option<String> {
    let name = name.strip_prefix("build-")?;
    let variant = name.find('-').unwrap_or(name.len());
    Some(name[variant..].into())
}

fn stamp(build: &Path) -> Option<Stamp> {
    serde_json::from_slice(&fs::read(build.join(STAMP)).ok()?).ok()
}

/// Checks that all that a build must leave is there; returns the kernel's release.
fn finished(build: &Path, image: &str) -> Result<String> {
    for file in [image, "Module.symvers", "usr/gen_init_cpio", BOOTCONFIG] {
        if !build.join(file).is_file() {
            return Err(Failure::new(
                Exit::Build,
                "the kernel build is not complete",
                format!("make succeeded, but there is no {file}"),
            ));
        }
    }
    Ok(read_text(&build.join("include/config/kernel.release"))?
        .trim()
        .to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_s_name_tells_its_flavour() {
        assert_eq!(flavour_of("build-c").as_deref(), Some(""));
        assert_eq!(
            flavour_of("build-module-compare-debug").as_deref(),
            Some("-compare-debug")
        );
        assert_eq!(flavour_of("rust"), None);
    }
}
