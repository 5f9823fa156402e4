// SPDX-License-Identifier: GPL-2.0

//! The lab: fetches and builds a kernel with Rust support, boots it in QEMU with this project's
//! loopback driver, and judges what happens.

mod accel;
mod annotation;
mod apply;
mod apt;
mod bench;
mod build;
mod check;
mod checkout;
mod checkpatch;
mod codegen;
mod compare;
mod compile_fail;
mod config;
mod diagnostic;
mod doctest;
mod document;
mod failure;
mod fetch;
mod filter;
mod flock;
mod flow;
mod git;
mod guest;
mod image;
mod initramfs;
mod judge;
mod kernel;
mod key;
mod kunit;
mod mail;
mod module;
mod mutant;
mod mutants;
mod objdump;
mod options;
mod overlay;
mod patches;
mod pin;
mod prepare;
mod process;
mod progress;
mod reference;
mod report;
mod rows;
mod run;
#[cfg(test)]
mod scene;
mod selftest;
mod series;
mod shell;
mod slot;
mod source;
mod splat;
mod steps;
mod tasks;
mod test;
mod toolchain;
mod ui;
mod vm;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use checkout::Checkout;
use failure::Exit;
use failure::Result;
use options::Options;

#[derive(Parser)]
#[command(name = "lab", about, version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the test kernel.
    Kernel,
    /// Build the modules for it.
    Module,
    /// Boot, and show that `lo` is this driver's and works.
    Run,
    /// Run every test.
    Test,
    /// Set the variants side by side.
    Compare,
    /// Measure what the variants cost.
    Bench,
    /// An interactive shell in the guest.
    Shell,
    /// Check formatting, lints and documentation.
    Check,
    /// Write the kernel side as a series of patches.
    Patches {
        /// Build the kernel after each of them instead.
        #[arg(long)]
        build: bool,
    },
    /// Seed one fault after the other, and see that the tests see it.
    Mutants {
        /// Only the few that stand for all of them.
        #[arg(long)]
        sample: bool,
    },
    /// Boot what a file says, and judge it: the lab's tests of itself use it.
    #[command(hide = true)]
    Boot {
        /// The file.
        spec: PathBuf,
    },
    /// List the exit codes.
    ExitCodes,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A panic has said what it is; it must not come out with a code that means something else.
    let outcome =
        std::panic::catch_unwind(|| process::catch_signals().and_then(|()| dispatch(cli.command)));
    let Ok(outcome) = outcome else {
        return ExitCode::from(Exit::Internal.code());
    };
    match outcome {
        Ok(()) => ExitCode::from(Exit::Ok.code()),
        Err(failure) if failure.exit == Exit::Interrupted => {
            eprintln!("interrupted");
            ExitCode::from(failure.exit.code())
        }
        // All has been said.
        Err(failure) if failure.what.is_empty() => ExitCode::from(failure.exit.code()),
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit.code())
        }
    }
}

fn dispatch(command: Command) -> Result {
    if let Command::ExitCodes = command {
        exit_codes().for_each(|line| println!("{line}"));
        return Ok(());
    }
    let checkout = Checkout::find()?;
    let options = Options::from_env(&checkout)?;
    match command {
        Command::ExitCodes => Ok(()),
        Command::Run => run::run(&checkout, &options),
        Command::Test => test::run(&checkout, &options),
        Command::Compare => compare::run(&checkout, &options),
        Command::Bench => bench::run(&checkout, &options),
        Command::Shell => shell::run(&checkout, &options),
        Command::Check => check::run(&checkout, &options),
        Command::Patches { build: false } => patches::run(&checkout, &options),
        Command::Patches { build: true } => steps::run(&checkout, &options),
        Command::Mutants { sample } => mutants::run(&checkout, &options, sample),
        Command::Boot { spec } => selftest::boot(&checkout, &spec),
        Command::Kernel => kernel::ensure(&checkout, &options).map(drop),
        Command::Module => {
            let kernel = kernel::ensure(&checkout, &options)?;
            module::build(&checkout, &kernel, &options).map(drop)
        }
    }
}

fn exit_codes() -> impl Iterator<Item = String> {
    Exit::ALL
        .iter()
        .map(|(exit, meaning)| format!("  {:>3}  {meaning}", exit.code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `make help` works on a machine that cannot build the lab yet, so it has its own list.
    #[test]
    fn make_help_lists_these_exit_codes() {
        let makefile = include_str!("../../Makefile");
        let listed: Vec<_> = makefile
            .lines()
            .filter_map(|line| line.strip_prefix("\t@echo '")?.strip_suffix('\''))
            .skip_while(|line| !line.starts_with("make exits with"))
            .skip(1)
            .collect();
        assert_eq!(listed, exit_codes().collect::<Vec<_>>());
    }
}
