// SPDX-License-Identifier: GPL-2.0

//! A report as a page: one file, which needs nothing else.

use maud::html;
use maud::Markup;
use maud::PreEscaped;
use maud::DOCTYPE;

/// The page with this `body`, and this style sheet.
pub fn document(title: &str, style: &str, body: Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(style)) }
            }
            body { (body) }
        }
    }
    .into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_is_given_is_in_its_place() {
        let page = document("a < b", "p > a {}", html! { p { "c" } });
        assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"));
        assert!(page.contains("<title>a &lt; b</title><style>p > a {}</style></head>"));
        assert!(page.ends_with("<body><p>c</p></body></html>"));
    }
}
