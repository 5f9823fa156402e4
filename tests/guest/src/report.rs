// SPDX-License-Identifier: GPL-2.0

//! The way to the lab: records over the results port.

use std::fs::File;

use lab_protocol::Record;
use lab_protocol::Sender;

use crate::command;

/// Sends records.
#[derive(Debug)]
pub struct Reporter {
    sender: Sender<File>,
    show: bool,
}

impl Reporter {
    /// Sends over `port`; shows what commands print if `show`.
    pub fn new(port: File, show: bool) -> Self {
        Self {
            sender: Sender::new(port),
            show,
        }
    }

    /// Sends one record.
    pub fn send(&mut self, record: &Record) -> Result<(), String> {
        self.sender
            .send(record)
            .map_err(|e| format!("results port: {e}"))
    }

    /// Sends several records, together.
    pub fn send_all(&mut self, records: &[Record]) -> Result<(), String> {
        self.sender
            .send_all(records)
            .map_err(|e| format!("results port: {e}"))
    }

    /// Sends the end marker and closes the port, which waits for the host to have it all.
    pub fn end(self) -> Result<(), String> {
        self.sender.end().map_err(|e| format!("results port: {e}"))
    }

    /// Shows `output` of a command, where there is someone to show it to.
    pub fn show(&mut self, words: &[&str], output: &str) -> Result<(), String> {
        if !self.show {
            return Ok(());
        }
        self.send(&Record::Show {
            command: words.join(" "),
            output: output.trim_end().into(),
        })
    }

    /// Runs a command only to show what it prints.
    pub fn show_command(&mut self, words: &[&str]) -> Result<(), String> {
        if !self.show {
            return Ok(());
        }
        let output = command::run(words)?;
        self.show(words, &output)
    }
}
