// SPDX-License-Identifier: GPL-2.0

//! What the lab asks for, on the kernel command line: `lab.<key>=<value>`.

use std::fs;

use lab_protocol::Measure;
use lab_protocol::Part;
use lab_protocol::Variant;

/// What this boot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Say hello and end: proves that the accelerator works.
    Canary,
    /// The checks, with what each command prints.
    Run,
    /// The checks and the KUnit results.
    Test,
    /// What can be seen of `lo`, to be set beside another kernel's.
    Compare(Part),
    /// What it takes.
    Bench(Measure),
    /// An interactive shell on the console.
    Shell,
}

impl Mode {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "canary" => Some(Self::Canary),
            "run" => Some(Self::Run),
            "test" => Some(Self::Test),
            "shell" => Some(Self::Shell),
            _ => match name.split_once('-')? {
                ("compare", part) => Part::parse(part).map(Self::Compare),
                ("bench", measure) => Measure::parse(measure).map(Self::Bench),
                _ => None,
            },
        }
    }
}

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct Control {
    /// What this boot is for.
    pub mode: Mode,
    /// Which variant the kernel is to be.
    pub variant: Variant,
    /// Echoed in the first record, so that no old result is taken for this one.
    pub nonce: String,
    /// Which checks to run: a glob over their names.
    pub filter: String,
    /// Which KUnit suites of modules to run: a glob; empty if the kernel knows already.
    pub suites: String,
    /// The module file to insert as the driver; empty if this kernel has a loopback driver.
    pub driver: String,
    /// Parameters for that module.
    pub module_args: String,
    /// A module file to insert after the driver; empty if there is none.
    pub extra: String,
    /// Which fault to commit; empty in every honest run.
    pub sabotage: String,
    /// How many timed rounds each workload has.
    pub rounds: u32,
    /// Rows and columns of the terminal, for the shell.
    pub terminal: Option<(u16, u16)>,
}

impl Control {
    /// Reads `/proc/cmdline`.
    pub fn read() -> Result<Self, String> {
        let line =
            fs::read_to_string("/proc/cmdline").map_err(|e| format!("/proc/cmdline: {e}"))?;
        Self::parse(&line)
    }

    /// Reads a command line.
    pub fn parse(line: &str) -> Result<Self, String> {
        let value = |key: &str| {
            line.split_whitespace()
                .filter_map(|word| word.strip_prefix("lab.")?.split_once('='))
                .find_map(|(k, v)| (k == key).then(|| v.to_string()))
                .unwrap_or_default()
        };
        let mode = value("mode");
        let Some(mode) = Mode::parse(&mode) else {
            return Err(format!("unknown lab.mode={mode:?}"));
        };
        let variant = value("variant");
        let Some(variant) = Variant::parse(&variant) else {
            return Err(format!("unknown lab.variant={variant:?}"));
        };
        let filter = match value("filter") {
            empty if empty.is_empty() => "*".into(),
            filter => filter,
        };
        Ok(Self {
            mode,
            variant,
            nonce: value("nonce"),
            filter,
            suites: value("suites"),
            driver: value("driver"),
            // The command line has no quoting worth trusting: `,` separates parameters.
            module_args: value("modargs").replace(',', " "),
            extra: value("extra"),
            sabotage: value("sabotage"),
            rounds: parse_rounds(&value("rounds"))?,
            terminal: parse_terminal(&value("tty")),
        })
    }
}

fn parse_rounds(text: &str) -> Result<u32, String> {
    match text {
        "" => Ok(1),
        text => text
            .parse()
            .map_err(|e| format!("lab.rounds={text:?}: {e}")),
    }
}

fn parse_terminal(text: &str) -> Option<(u16, u16)> {
    let (rows, columns) = text.split_once('x')?;
    Some((rows.parse().ok()?, columns.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_lab_writes() {
        let control = Control::parse(
            "console=ttyS0 panic=-1 lab.variant=builtin lab.mode=test lab.nonce=12ab \
             lab.filter=guest.lo.* lab.suites=lo_* lab.driver=lab_fault.ko lab.modargs=kind=warn,depth=2 \
             lab.extra=rust_dummy.ko lab.tty=50x132 lab.rounds=7\n",
        )
        .unwrap();
        assert_eq!(control.mode, Mode::Test);
        assert_eq!(control.variant, Variant::Builtin);
        assert_eq!(control.nonce, "12ab");
        assert_eq!(control.filter, "guest.lo.*");
        assert_eq!(control.suites, "lo_*");
        assert_eq!(control.driver, "lab_fault.ko");
        assert_eq!(control.module_args, "kind=warn depth=2");
        assert_eq!(control.extra, "rust_dummy.ko");
        assert_eq!(control.rounds, 7);
        assert_eq!(control.terminal, Some((50, 132)));
        assert_eq!(control.sabotage, "");
    }

    #[test]
    fn unknown_mode_or_variant_is_an_error() {
        assert!(Control::parse("lab.mode=test lab.variant=c").is_ok());
        let control = Control::parse("lab.mode=compare-state lab.variant=c").unwrap();
        assert_eq!(control.mode, Mode::Compare(Part::State));
        let control = Control::parse("lab.mode=bench-time lab.variant=c").unwrap();
        assert_eq!(control.mode, Mode::Bench(Measure::Time));
        assert_eq!(control.rounds, 1);
        assert!(Control::parse("lab.mode=bench-time lab.variant=c lab.rounds=x").is_err());
        assert!(Control::parse("lab.mode=bench-all lab.variant=c").is_err());
        assert!(Control::parse("lab.mode=compare-all lab.variant=c").is_err());
        assert!(Control::parse("lab.mode=dance lab.variant=c").is_err());
        assert!(Control::parse("lab.mode=test lab.variant=rust").is_err());
        assert!(Control::parse("lab.mode=test").is_err());
        assert!(Control::parse("quiet").is_err());
    }
}
