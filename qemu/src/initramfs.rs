// SPDX-License-Identifier: GPL-2.0

//! The guest's file system: a static busybox, the real `ip`, `ping` and the like with their
//! libraries, our init and the modules, packed by the kernel's own `gen_init_cpio`; and behind it
//! what the kernel is to trace from its start.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use crate::checkout::make_dir;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::guest::Guest;
use crate::kernel::Kernel;
use crate::kernel::BOOTCONFIG;
use crate::process;
use crate::toolchain::clean;

/// Where programs are on the host.
const HOST_DIRECTORIES: [&str; 4] = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

/// What the kernel is to trace, from its start.
const TRACED: &str = "tests/guest/boot.bconf";

/// Where the guest looks for modules.
const MODULES: &str = "/lab/modules";

/// What a login shell reads. busybox' shell prefers its own `ip` and `ping` to the real ones.
const PROFILE: &str = "\
ip() { /sbin/ip \"$@\"; }
ping() { /bin/ping \"$@\"; }
PS1='lo# '
";

const DIRECTORIES: [&str; 10] = [
    "/dev", "/etc", "/lab", "/proc", "/root", "/run", "/sys", "/tmp", "/usr", "/var",
];

/// What some boots need besides.
#[derive(Debug, Default)]
pub struct Extra {
    tools: Vec<(PathBuf, String, String)>,
    programs: Vec<(PathBuf, PathBuf)>,
    files: Vec<(PathBuf, PathBuf)>,
}

impl Extra {
    /// Adds the host's program `name`, which comes with `package`, in place of busybox' one.
    pub fn tool(&mut self, path: &str, name: &str, package: &str) {
        self.tools.push((path.into(), name.into(), package.into()));
    }

    /// Adds a program or library, with the libraries that it needs.
    pub fn program(&mut self, path: &Path, host: &Path) {
        self.programs.push((path.into(), host.into()));
    }

    /// Adds a file.
    pub fn file(&mut self, path: &Path, host: &Path) {
        self.files.push((path.into(), host.into()));
    }
}

/// Packs `modules`, each under its name in the guest, with `extra` and all else that is needed;
/// `name` is the build's.
pub fn build(
    checkout: &Checkout,
    kernel: &Kernel,
    guest: &Guest,
    modules: &[(&str, PathBuf)],
    extra: &Extra,
    name: &str,
) -> Result<PathBuf> {
    let mut archive = Archive::default();
    for directory in DIRECTORIES {
        archive.directory(Path::new(directory));
    }
    archive.link("/var/run", "/run");
    archive.file("/init", &guest.program);
    archive.busybox()?;
    archive.program("/sbin/ip", "ip", "iproute2")?;
    archive.program("/sbin/tc", "tc", "iproute2")?;
    archive.program("/sbin/ethtool", "ethtool", "ethtool")?;
    archive.program("/bin/ping", "ping", "iputils-ping")?;
    for (name, path) in modules {
        archive.file(format!("{MODULES}/{name}"), path);
    }
    let profile = checkout.build("initramfs/profile");
    write(&profile, PROFILE.as_bytes())?;
    archive.file("/etc/profile", &profile);
    archive.extra(extra)?;
    archive.pack(checkout, kernel, name)
}

/// What goes in, by its path in the guest.
#[derive(Debug, Default)]
struct Archive {
    directories: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, PathBuf>,
    links: BTreeMap<PathBuf, PathBuf>,
}

impl Archive {
    fn directory(&mut self, path: &Path) {
        for ancestor in path.ancestors().filter(|a| *a != Path::new("/")) {
            self.directories.insert(ancestor.into());
        }
    }

    fn parent(&mut self, path: &Path) {
        if let Some(parent) = path.parent() {
            self.directory(parent);
        }
    }

    fn file(&mut self, path: impl AsRef<Path>, host: &Path) {
        self.parent(path.as_ref());
        self.files.insert(path.as_ref().into(), host.into());
    }

    fn link(&mut self, path: impl AsRef<Path>, target: &str) {
        self.parent(path.as_ref());
        self.links.insert(path.as_ref().into(), target.into());
    }

    /// busybox under all its names.
    fn busybox(&mut self) -> Result {
        let host = find("busybox", "busybox-static")?;
        let libraries = libraries(&host)?;
        if !libraries.is_empty() {
            return Err(Failure::new(
                Exit::Setup,
                format!("{} is not static", host.display()),
                "it would not run in the guest",
            )
            .hint("install busybox-static (scripts/setup does)"));
        }
        let applets = process::output(clean(&text(&host)).arg("--list-full"), Exit::Setup)?;
        for applet in applets.lines() {
            self.link(Path::new("/").join(applet), "/bin/busybox");
        }
        self.file("/bin/busybox", &host);
        self.links.remove(Path::new("/bin/busybox"));
        self.links.remove(Path::new("/init"));
        Ok(())
    }

    /// A dynamic program of the host and the libraries that it needs, in place of busybox' one.
    fn program(&mut self, path: &str, name: &str, package: &str) -> Result {
        let host = find(name, package)?;
        let path = Path::new(path);
        let is_it = |link: &Path| link.file_name() == path.file_name();
        self.links.retain(|link, _| !is_it(link));
        self.with_libraries(path, &host)
    }

    fn with_libraries(&mut self, path: &Path, host: &Path) -> Result {
        for library in libraries(host)? {
            self.file(&library, &library);
        }
        self.file(path, host);
        Ok(())
    }

    fn extra(&mut self, extra: &Extra) -> Result {
        for (path, name, package) in &extra.tools {
            self.program(&text(path), name, package)?;
        }
        for (path, host) in &extra.programs {
            self.with_libraries(path, host)?;
        }
        for (path, host) in &extra.files {
            self.file(path, host);
        }
        Ok(())
    }

    fn pack(&self, checkout: &Checkout, kernel: &Kernel, name: &str) -> Result<PathBuf> {
        let dir = checkout.build("initramfs");
        make_dir(&dir)?;
        let part = self.cpio(kernel, &dir)?;
        add_bootconfig(checkout, kernel, &part)?;
        let archive = checkout.build(&format!("initramfs/{name}.cpio"));
        fs::rename(&part, &archive).map_err(|e| Failure::io("write", &archive, e))?;
        Ok(archive)
    }

    /// Packs it into a file in `dir` that this process only knows.
    fn cpio(&self, kernel: &Kernel, dir: &Path) -> Result<PathBuf> {
        // gen_init_cpio takes no path with a space in it, and a checkout may have one: so it runs
        // in a directory of symbolic links and is given nothing but their names.
        let stage = tempfile::tempdir_in(dir).map_err(|e| Failure::io("write", dir, e))?;
        let mut list = String::new();
        // Sorted, so that a directory comes before what is in it.
        for directory in &self.directories {
            list += &format!("dir {} 755 0 0\n", directory.display());
        }
        list += "nod /dev/console 600 0 0 c 5 1\n";
        for (path, target) in &self.links {
            list += &format!("slink {} {} 777 0 0\n", path.display(), target.display());
        }
        for (index, (path, host)) in self.files.iter().enumerate() {
            let short = format!("f{index}");
            let link = stage.path().join(&short);
            symlink(host, &link).map_err(|e| Failure::io("link", &link, e))?;
            list += &format!("file {} {short} 755 0 0\n", path.display());
        }
        write(&stage.path().join("list"), list.as_bytes())?;
        let part = dir.join(format!("part-{}", std::process::id()));
        let out = File::create(&part).map_err(|e| Failure::io("write", &part, e))?;
        let program = kernel.build.join("usr/gen_init_cpio");
        let mut command = clean(&text(&program));
        command.arg("list").current_dir(stage.path()).stdout(out);
        let status = process::Child::spawn(&mut command)?.wait(None)?;
        if !status.success() {
            remove(&part)?;
            let why = process::describe(status);
            return Err(Failure::new(Exit::Build, "cannot pack the initramfs", why)
                .hint("is the disk full?"));
        }
        Ok(part)
    }
}

/// Writes to `path` what `archive` has, with the file `host` in it as `guest` before all else: what
/// is to be in the guest for one boot only.
pub fn with_file(kernel: &Kernel, archive: &Path, guest: &str, host: &Path, path: &Path) -> Result {
    let mut first = Archive::default();
    first.file(guest, host);
    // For the console's node, which each of them has.
    first.directory(Path::new("/dev"));
    let part = first.cpio(kernel, path.parent().unwrap_or(path))?;
    let fail = |e| Failure::io("write", &part, e);
    let mut out = File::options().append(true).open(&part).map_err(fail)?;
    let mut rest = File::open(archive).map_err(|e| Failure::io("read", archive, e))?;
    io::copy(&mut rest, &mut out).map_err(fail)?;
    fs::rename(&part, path).map_err(|e| Failure::io("write", path, e))
}

/// Puts the boot configuration behind `archive`. The kernel looks at it if its command line says so.
fn add_bootconfig(checkout: &Checkout, kernel: &Kernel, archive: &Path) -> Result {
    let program = kernel.build.join(BOOTCONFIG);
    let mut command = clean(&text(&program));
    command
        .arg("-a")
        .arg(checkout.root.join(TRACED))
        .arg(archive);
    process::output(&mut command, Exit::Build).map(drop)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The host's program `name`, which comes with `package`.
fn find(name: &str, package: &str) -> Result<PathBuf> {
    HOST_DIRECTORIES
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            let what = format!("there is no {name} here");
            Failure::new(Exit::Setup, what, "the guest's file system needs it")
                .hint(format!("install {package} (scripts/setup does)"))
        })
}

/// The shared libraries that `program` needs, the loader among them.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = process::output(clean("ldd").arg(program), Exit::Setup);
    match output {
        Ok(output) => parse_ldd(&output),
        // That is how ldd says it of a program linked the old way; it exits with a failure.
        Err(failure) if failure.why.contains("not a dynamic executable") => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}

fn parse_ldd(output: &str) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for line in output.lines() {
        let line = line.trim();
        if line.ends_with("not found") {
            return Err(Failure::new(Exit::Setup, "a library is missing", line));
        }
        let path = line.split_once(" => ").map_or(line, |(_, path)| path);
        let path = path.split(" (").next().unwrap_or(path);
        if path.starts_with('/') {
            paths.push(path.into());
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ldd_is_understood() {
        let output = "\tlinux-vdso.so.1 (0x00007f43)\n\
                      \tlibmnl.so.0 => /lib/x86_64-linux-gnu/libmnl.so.0 (0x00007f43)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x00007f43)\n";
        let found = parse_ldd(output).unwrap();
        let wanted = [
            "/lib/x86_64-linux-gnu/libmnl.so.0",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(found, wanted.map(PathBuf::from));
        assert_eq!(parse_ldd("\tstatically linked\n").unwrap().len(), 0);
        assert!(parse_ldd("\tlibx.so.1 => not found\n").is_err());
    }

    #[test]
    fn parents_come_with_their_children() {
        let mut archive = Archive::default();
        archive.file("/a/b/c", Path::new("/dev/null"));
        let wanted = ["/a", "/a/b"].map(PathBuf::from);
        assert_eq!(archive.directories, wanted.into());
    }
}
