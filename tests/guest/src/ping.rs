// SPDX-License-Identifier: GPL-2.0

//! What `ping` says, parsed.

/// Checks that `sent` requests went out, all were answered, and nothing else happened.
pub fn judge(output: &str, sent: u32) -> Result<(), String> {
    let summary = output
        .lines()
        .find(|line| line.contains(" packets transmitted"))
        .ok_or_else(|| format!("ping printed no summary: {}", output.trim()))?;
    let fields: Vec<&str> = summary.split(", ").collect();
    let expected = [
        format!("{sent} packets transmitted"),
        format!("{sent} received"),
        "0% packet loss".to_string(),
    ];
    // A fourth field is the time; duplicates and errors would come in between.
    let exact = fields.len() == 4
        && fields[..3].iter().zip(&expected).all(|(a, b)| a == b)
        && fields[3].starts_with("time ");
    if exact {
        Ok(())
    } else {
        Err(format!("ping: {summary}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clean_ping_passes() {
        let line = |s: &str| format!("--- 127.0.0.1 ping statistics ---\n{s}\n\n");
        let good = line("3 packets transmitted, 3 received, 0% packet loss, time 20ms");
        assert!(judge(&good, 3).is_ok());
        assert!(judge(&good, 2).is_err());
        for bad in [
            "3 packets transmitted, 2 received, 33.3333% packet loss, time 20ms",
            "3 packets transmitted, 0 received, 100% packet loss, time 20ms",
            "3 packets transmitted, 3 received, +1 duplicates, 0% packet loss, time 20ms",
            "3 packets transmitted, 3 received, +1 errors, 0% packet loss, time 20ms",
            "13 packets transmitted, 13 received, 0% packet loss, time 20ms",
        ] {
            assert!(judge(&line(bad), 3).is_err(), "{bad}");
        }
        assert!(judge("", 3).is_err());
    }
}
