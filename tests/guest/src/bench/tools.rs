// SPDX-License-Identifier: GPL-2.0

//! What tools that everybody knows say about `lo`, where the lab has put them into the guest.

use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use lab_protocol::Measure;
use lab_protocol::Record;
use serde::Deserialize;

use super::begin;
use crate::boot;
use crate::command;
use crate::control::Control;
use crate::here;
use crate::report::Reporter;
use crate::wait;

const DIRECTORY: &str = "/bench";

/// How long a server may take until it listens.
const DEADLINE: Duration = Duration::from_secs(10);

/// How a socket's state is called in `/proc/net` that a server waits with.
const TCP_LISTEN: &str = "0A";
const UDP_OPEN: &str = "07";

/// A tool's measurement.
struct Tool {
    /// What it is called; `time.` comes before that in its record.
    name: &'static str,
    server: &'static [&'static str],
    /// Where the server waits: the file in `/proc/net`, the state there, the port.
    waits: (&'static str, &'static str, u16),
    client: &'static [&'static str],
    unit: &'static str,
    parse: fn(&str) -> Result<f64, String>,
}

const TOOLS: [Tool; 2] = [
    Tool {
        name: "iperf3.tcp",
        server: &["iperf3", "-s", "-B", "127.0.0.1"],
        waits: ("tcp", TCP_LISTEN, 5201),
        client: &["iperf3", "-c", "127.0.0.1", "-t", "2", "-J"],
        unit: "Mbit/s",
        parse: parse_iperf3,
    },
    Tool {
        name: "sockperf.udp",
        server: &["sockperf", "server", "-i", "127.0.0.1"],
        waits: ("udp", UDP_OPEN, 11111),
        client: &["sockperf", "ping-pong", "-i", "127.0.0.1", "-t", "2"],
        unit: "us",
        parse: parse_sockperf,
    },
];

/// Lets each measure that is there and asked for.
pub fn all(control: &Control, reporter: &mut Reporter) -> Result<(), String> {
    let wanted = TOOLS
        .iter()
        .filter(|tool| lab_protocol::matches(&control.filter, tool.name))
        .filter(|tool| program(tool.client[0]).exists());
    for tool in wanted {
        begin(reporter, Measure::Time, tool.name)?;
        let value = tool.run().map_err(|why| format!("{}: {why}", tool.name))?;
        reporter.send(&Record::Figure {
            name: format!("time.{}", tool.name),
            value,
            unit: tool.unit.into(),
        })?;
    }
    Ok(())
}

fn program(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

impl Tool {
    fn run(&self) -> Result<f64, String> {
        let server = Server::start(self.server)?;
        self.await_server()?;
        let path = program(self.client[0]);
        let path = path.to_string_lossy();
        let output = command::run(&[&[&*path], &self.client[1..]].concat())?;
        drop(server);
        let value = (self.parse)(&output)?;
        if value.is_finite() && value > 0.0 {
            return Ok(value);
        }
        Err(format!("{value} is no result: {output}"))
    }

    fn await_server(&self) -> Result<(), String> {
        let (file, state, port) = self.waits;
        if wait::until(DEADLINE, || {
            Ok(is_open(&here::proc_net(file)?, state, port))
        })? {
            return Ok(());
        }
        let seconds = DEADLINE.as_secs();
        Err(format!(
            "{} does not listen after {seconds} s",
            self.server[0]
        ))
    }
}

/// Whether there is a socket on `port`, in that state, by a file like `/proc/net/tcp`.
fn is_open(text: &str, state: &str, port: u16) -> bool {
    let port = format!(":{port:04X}");
    text.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next().is_some_and(|local| local.ends_with(&port)) && words.nth(1) == Some(state)
    })
}

/// A tool's server. It ends when this is dropped.
struct Server(Child);

impl Server {
    fn start(words: &[&str]) -> Result<Self, String> {
        Command::new(program(words[0]))
            .args(&words[1..])
            .env_clear()
            .env("PATH", command::PATH)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
            .map_err(|e| format!("{}: {e}", words.join(" ")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            boot::log(&format!("lab: a tool's server: {error}"));
        }
    }
}

/// What of iperf3's report is looked at.
#[derive(Deserialize)]
struct Iperf3 {
    error: Option<String>,
    end: Iperf3End,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Iperf3End {
    sum_received: Option<Iperf3Sum>,
}

#[derive(Deserialize)]
struct Iperf3Sum {
    bits_per_second: f64,
}

/// Megabits in a second, as received.
fn parse_iperf3(output: &str) -> Result<f64, String> {
    let report: Iperf3 =
        serde_json::from_str(output).map_err(|e| format!("iperf3's report: {e}: {output}"))?;
    match report {
        Iperf3 {
            error: Some(error), ..
        } => Err(error),
        Iperf3 {
            end: Iperf3End {
                sum_received: Some(sum),
            },
            ..
        } => Ok(sum.bits_per_second / 1e6),
        Iperf3 { .. } => Err(format!("iperf3's report has no result: {output}")),
    }
}

/// Microseconds in one direction, the median: a few that were interrupted make the mean.
fn parse_sockperf(output: &str) -> Result<f64, String> {
    let fail = || format!("sockperf's result: {}", output.trim());
    let lossless = "# dropped messages = 0; # duplicated messages = 0; # out-of-order messages = 0";
    if !output.contains(lossless) {
        return Err(fail());
    }
    output
        .split_once("percentile 50.000 =")
        .and_then(|(_, rest)| rest.lines().next()?.trim().parse().ok())
        .ok_or_else(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_seen() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue\n   \
                    0: 0100007F:1451 00000000:0000 0A 00000000:00000000 00:00000000\n   \
                    1: 0100007F:8000 0100007F:1452 01 00000000:00000000 00:00000000\n";
        assert!(is_open(text, TCP_LISTEN, 5201));
        assert!(!is_open(text, TCP_LISTEN, 5202));
        assert!(!is_open(text, UDP_OPEN, 5201));
        assert!(!is_open(text, TCP_LISTEN, 0x8000));
    }

    #[test]
    fn iperf3_is_understood() {
        let good = r#"{"start":{},"intervals":[],"end":{"streams":[],
            "sum_sent":{"bits_per_second":2.0e9},"sum_received":{"bits_per_second":1.5e9}}}"#;
        assert_eq!(parse_iperf3(good), Ok(1500.0));
        let refused = r#"{"start":{},"intervals":[],"end":{},"error":"unable to connect"}"#;
        assert_eq!(parse_iperf3(refused), Err("unable to connect".into()));
        assert!(parse_iperf3(r#"{"end":{}}"#).is_err());
        assert!(parse_iperf3("iperf3: error").is_err());
    }

    #[test]
    fn sockperf_is_understood() {
        let good = "sockperf: [Valid Duration] RunTime=1.550 sec; SentMessages=5; ReceivedMessages=5\n\
                    sockperf: # dropped messages = 0; # duplicated messages = 0; # out-of-order messages = 0\n\
                    sockperf: Summary: Latency is 17.797 usec\n\
                    sockperf: ---> percentile 75.000 =    6.948\n\
                    sockperf: ---> percentile 50.000 =    6.412\n\
                    sockperf: ---> <MIN> observation =    5.473\n";
        assert_eq!(parse_sockperf(good), Ok(6.412));
        assert!(
            parse_sockperf(&good.replace("dropped messages = 0", "dropped messages = 1")).is_err()
        );
        assert!(parse_sockperf(&good.replace("6.412", "-")).is_err());
        assert!(parse_sockperf("").is_err());
    }
}
