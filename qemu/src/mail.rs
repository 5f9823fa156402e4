// SPDX-License-Identifier: GPL-2.0

//! A patch as a mail, the form in which kernel patches travel: who wrote it when, its message, and
//! behind a line `---` what is no part of the message.

/// Ends the message.
const CUT: &str = "---";
/// Begins the diff.
const DIFF: &str = "diff --git ";

/// One mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The author, as `name <address>`.
    pub author: String,
    /// When it was written, as RFC 2822 has it.
    pub date: String,
    /// The message, its first line the subject.
    pub message: String,
    /// The lines between the message and the diff.
    pub notes: Vec<String>,
}

impl Mail {
    /// Reads one; an error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (head, rest) = text
            .split_once("\n\n")
            .ok_or("no empty line ends its header")?;
        let head = unfolded(head);
        let (body, rest) = cut(rest).ok_or("no line `---` ends its message")?;
        let author = field(&head, "From")?;
        if !is_address(&author) {
            return Err(format!("its author is not `name <address>`: {author}"));
        }
        let subject = field(&head, "Subject")?;
        let subject = subject
            .strip_prefix("[PATCH] ")
            .ok_or("its subject does not begin with `[PATCH] `")?;
        let body = body.trim();
        if body.is_empty() {
            return Err("its message does not say why".into());
        }
        Ok(Self {
            date: field(&head, "Date")?,
            message: format!("{subject}\n\n{body}\n"),
            notes: rest
                .lines()
                .take_while(|line| !line.starts_with(DIFF))
                .map(String::from)
                .collect(),
            author,
        })
    }

    /// What the notes say under `name: `.
    pub fn noted<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.notes
            .iter()
            .filter_map(move |line| line.strip_prefix(name)?.strip_prefix(": "))
            .map(str::trim)
    }

    /// The author's name and address.
    pub fn identity(&self) -> (&str, &str) {
        let (name, address) = self.author.split_once(" <").unwrap_or((&self.author, ""));
        (name, address.trim_end_matches('>'))
    }
}

/// What is before and behind the line that ends the message.
fn cut(text: &str) -> Option<(&str, &str)> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == CUT {
            return Some((&text[..at], &text[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

/// A header's fields, each on one line.
fn unfolded(head: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in head.lines() {
        match fields.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => fields.push(line.trim_end().into()),
        }
    }
    fields
}

fn field(head: &[String], name: &str) -> Result<String, String> {
    let value = head
        .iter()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .ok_or_else(|| format!("its header has no `{name}: `"))?;
    if value.contains("=?") {
        return Err(format!("its `{name}: ` is encoded: write it as it reads"));
    }
    Ok(value.into())
}

fn is_address(author: &str) -> bool {
    let parts = author.split_once(" <");
    parts.is_some_and(|(name, address)| {
        let address = address.strip_suffix('>').unwrap_or_default();
        !name.is_empty() && address.contains('@') && !address.contains(['<', '>', ' '])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
From 0000 Mon Sep 17 00:00:00 2001
From: A Person
 <a@example.org>
Date: Sat, 21 Nov 2026 10:02:00 +0000
Subject: [PATCH] net: do
 it

Why.

Signed-off-by: A Person <a@example.org>
---
new: net/x.c
 1 file changed

diff --git a/y b/y
new: no/note
";

    #[test]
    fn a_good_mail_is_read() {
        let mail = Mail::parse(GOOD).unwrap();
        assert_eq!(mail.identity(), ("A Person", "a@example.org"));
        assert_eq!(mail.date, "Sat, 21 Nov 2026 10:02:00 +0000");
        let message = "net: do it\n\nWhy.\n\nSigned-off-by: A Person <a@example.org>\n".to_string();
        assert_eq!(mail.message, message);
        assert_eq!(mail.noted("new").collect::<Vec<_>>(), ["net/x.c"]);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (from, to, why) in [
            ("---\n", "--\n", "`---`"),
            ("Date: ", "Dato: ", "`Date: `"),
            ("Subject: [PATCH] ", "Subject: ", "`[PATCH] `"),
            (": A Person\n", ": =?UTF-8?q?A?=\n", "encoded"),
            ("\n <a@example.org>", "", "`name <address>`"),
            (
                "Why.\n\nSigned-off-by: A Person <a@example.org>\n",
                "",
                "why",
            ),
        ] {
            let bad = GOOD.replacen(from, to, 1);
            assert_ne!(bad, GOOD);
            let said = Mail::parse(&bad).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
