// SPDX-License-Identifier: GPL-2.0

//! The guest's file system: a static busybox, the real `ip`, `ping` and the like with their
//! libraries, our init and the modules, packed by the kernel's own `gen_init_cpio`; and behind it
//! what the kernel is to trace from its start.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use crate::checkout::make_dir;
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
        // gen_init_cpio takes no path with a space in it, and a checkout may have one: so it runs
        // in a directory of symbolic links and is given nothing but their names.
        let stage = tempfile::tempdir_in(&dir).map_err(|e| Failure::io("write", &dir, e))?;
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
            crate::checkout::remove(&part)?;
            let why = process::describe(status);
            return Err(Failure::new(Exit::Build, "cannot pack the initramfs", why)
                .hint("is the disk full?"));
        }
        add_bootconfig(checkout, kernel, &part)?;
        let archive = checkout.build(&format!("initramfs/{name}.cpio"));
        fs::rename(&part, &archive).map_err(|e| Failure::io("write", &archive, e))?;
        Ok(archive)
    }
}

/// Writes to `path` what `archive` has, with a directory and a text file in it before all else:
/// what is to be in the guest for one boot only.
pub fn with_text(archive: &Path, directory: &str, name: &str, text: &str, path: &Path) -> Result {
    let mut bytes = Vec::new();
    newc(&mut bytes, directory, 0o040_755, &[]);
    let file = format!("{directory}/{name}");
    newc(&mut bytes, &file, 0o100_644, text.as_bytes());
    newc(&mut bytes, "TRAILER!!!", 0, &[]);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes.extend(crate::checkout::read(archive)?);
    write(path, &bytes)
}

/// Adds an entry as the kernel takes it: a head of numbers, the name, and what is in it, each padded
/// to four bytes.
fn newc(bytes: &mut Vec<u8>, name: &str, mode: u32, content: &[u8]) {
    const MAGIC: &str = "070701";
    let (len, name_len) = (content.len() as u32, name.len() as u32 + 1);
    bytes.extend(MAGIC.bytes());
    for field in [0, mode, 0, 0, 1, 0, len, 0, 0, 0, 0, name_len, 0] {
        bytes.extend(format!("{field:08x}").bytes());
    }
    bytes.extend(name.bytes());
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
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

    /// What cpio itself makes of such a file, but for what it takes from the file system.
    #[test]
    fn a_file_goes_before_an_archive() {
        let dir = tempfile::tempdir().unwrap();
        let (base, path) = (dir.path().join("base"), dir.path().join("new"));
        fs::write(&base, b"the rest").unwrap();
        with_text(&base, "lab", "random", "hello\n", &path).unwrap();
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.len() % 512, "the rest".len());
        assert!(text.ends_with("the rest"));
        let head = text.find("070701").unwrap();
        assert_eq!(head, 0);
        let file = text.rfind("lab/random\0\0\0\0hello\n\0\0").unwrap();
        // A head has six bytes and 13 numbers of eight digits.
        let head = &text[file - 110..file];
        assert!(head.starts_with("07070100000000000081a4"), "{head}");
        assert_eq!(&head[54..62], "00000006");
        assert_eq!(&head[94..102], "0000000b");
    }

    #[test]
    fn parents_come_with_their_children() {
        let mut archive = Archive::default();
        archive.file("/a/b/c", Path::new("/dev/null"));
        let wanted = ["/a", "/a/b"].map(PathBuf::from);
        assert_eq!(archive.directories, wanted.into());
    }
}
