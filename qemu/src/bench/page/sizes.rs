// SPDX-License-Identifier: GPL-2.0

//! How large the drivers are.

use maud::html;
use maud::Markup;

use crate::bench::figures::Figures;
use crate::bench::plot;
use crate::bench::summary::grouped;

/// The section, if that is known.
pub fn sizes(figures: &Figures) -> Option<Markup> {
    let most = figures
        .sizes
        .iter()
        .map(|size| size.text + size.data)
        .max()?;
    Some(html! {
        p { span.swatch.stage0 {} " machine code, " span.swatch.stage1 {} " data, in bytes" }
        div.ratios {
            @for size in &figures.sizes {
                @let pieces = [("machine code".to_string(), 0, size.text as f64), ("data".to_string(), 1, size.data as f64)];
                div.row {
                    span.title { (size.name) }
                    span.plotted { (plot::stacked(&pieces, most as f64, "bytes", &format!("{}: {} bytes of machine code, {} of data", size.name, size.text, size.data))) }
                    span.values { span.value { (grouped(size.text)) " + " (grouped(size.data)) } }
                }
            }
        }
    })
}
