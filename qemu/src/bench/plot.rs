// SPDX-License-Identifier: GPL-2.0

//! Plots, as SVG inside the page. What lies along them is in percent, so that they are as wide as
//! there is room while text and strokes keep their size; colours are the page's.

use lab_protocol::Variant;
use maud::html;
use maud::Markup;

use super::summary::number;

/// A place along a plot, or a length.
pub fn percent(share: f64) -> String {
    format!("{:.3}%", share * 100.0)
}

/// Steps of an axis that are easy to read.
const STEPS: [f64; 3] = [1.0, 2.0, 5.0];

/// The axis of ratios: 1.00 is in its middle, and what is twice as much is as far from there as
/// what is half of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioAxis {
    /// The logarithm of what is at its right end.
    limit: f64,
}

/// An axis is never finer than this.
const FINEST: f64 = 0.005;
/// Who is this many times as far off as most others is cut off, so that those can be seen.
const FAR: f64 = 6.0;

impl RatioAxis {
    /// One with room for these.
    pub fn of(ratios: impl IntoIterator<Item = f64>) -> Self {
        let usable = ratios.into_iter().filter(|ratio| *ratio > 0.0);
        let mut far: Vec<f64> = usable.map(|ratio| ratio.ln().abs()).collect();
        far.retain(|distance| distance.is_finite());
        far.sort_by(f64::total_cmp);
        let most = far
            .get(far.len() * 3 / 4)
            .copied()
            .unwrap_or(0.0)
            .max(FINEST);
        let farthest = far.last().copied().unwrap_or(0.0).max(FINEST);
        let limit = if farthest > most * FAR {
            most * 2.0
        } else {
            farthest
        };
        Self {
            limit: limit * 1.15,
        }
    }

    /// Where a ratio is, as a share of the width; none if it is beyond the ends.
    fn at(self, ratio: f64) -> Option<f64> {
        let share = 0.5 + ratio.ln() / self.limit / 2.0;
        (0.0..=1.0).contains(&share).then_some(share)
    }

    fn clamped(self, ratio: f64) -> f64 {
        (0.5 + ratio.ln() / self.limit / 2.0).clamp(0.0, 1.0)
    }

    /// Ratios to draw lines at: two on either side, or one.
    fn ticks(self) -> Vec<f64> {
        if self.limit > 1.0 {
            let doublings = (self.limit / std::f64::consts::LN_2 / 2.0).floor().max(1.0);
            return (-2..=2)
                .map(|n| (doublings * f64::from(n)).exp2())
                .filter(|t| self.at(*t).is_some())
                .collect();
        }
        // Not so close to each other that their labels could touch.
        let step = nice(0.9 * (1.0 - (-self.limit).exp()));
        (-2..=2)
            .map(|n| 1.0 + step * f64::from(n))
            .filter(|t| *t > 0.0 && self.at(*t).is_some())
            .collect()
    }
}

/// The largest easy step that is not larger than `rough`, which is above 0.
fn nice(rough: f64) -> f64 {
    let magnitude = 10f64.powf(rough.log10().floor());
    let fits = |step: &&f64| **step * magnitude <= rough * 1.000_001;
    STEPS
        .iter()
        .rev()
        .find(fits)
        .map_or(magnitude, |step| step * magnitude)
}

/// A number without zeros that say nothing.
fn tick_label(value: f64) -> String {
    let text = format!("{value:.4}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    match short.split_once('.') {
        None => format!("{short}.0"),
        Some(_) => short.into(),
    }
}

/// The head of ratio rows: what their lines stand for.
pub fn ratio_head(axis: RatioAxis) -> Markup {
    html! {
        svg.plot width="100%" height="18" aria-hidden="true" {
            @for tick in axis.ticks() {
                @let x = axis.clamped(tick);
                text.tick x=(percent(x)) y="13" text-anchor=(anchor(x)) { (tick_label(tick)) }
            }
        }
    }
}

/// How text at a place has to be aligned so that it stays inside.
fn anchor(share: f64) -> &'static str {
    match share {
        x if x < 0.08 => "start",
        x if x > 0.92 => "end",
        _ => "middle",
    }
}

/// A dot of a ratio row, with its interval.
#[derive(Clone, Copy, Debug)]
pub struct Dot {
    /// Whose.
    pub variant: Variant,
    /// Where.
    pub ratio: f64,
    /// It may be from here
    pub low: f64,
    /// to here.
    pub high: f64,
}

/// How far apart the dots of a row are.
const LINE: usize = 16;

/// One row of ratios, against the line at 1.
pub fn ratio_row(axis: RatioAxis, dots: &[Dot], label: &str) -> Markup {
    let height = LINE * dots.len().max(1) + 4;
    html! {
        svg.plot width="100%" height=(height) role="img" aria-label=(label) {
            title { (label) }
            @for tick in axis.ticks() {
                @let x = percent(axis.clamped(tick));
                line class=(if tick == 1.0 { "one" } else { "grid" }) x1=(x) x2=(x) y1="0" y2="100%" {}
            }
            @for (index, dot) in dots.iter().enumerate() {
                @let y = LINE * index + LINE / 2 + 2;
                g class=(dot.variant) {
                    line.interval x1=(percent(axis.clamped(dot.low))) x2=(percent(axis.clamped(dot.high))) y1=(y) y2=(y) {}
                    @match axis.at(dot.ratio) {
                        Some(x) => circle cx=(percent(x)) cy=(y) r="4.5" {},
                        // Beyond the end: an arrow that points there.
                        None => (arrow(dot.ratio > 1.0, y)),
                    }
                }
            }
        }
    }
}

fn arrow(right: bool, y: usize) -> Markup {
    let (x, points) = match right {
        true => ("100%", "-12,-5 -2,0 -12,5"),
        false => ("0%", "12,-5 2,0 12,5"),
    };
    html! {
        svg.beyond x=(x) y=(y) width="1" height="1" { polygon points=(points) {} }
    }
}

/// A row with each round's value as a dot, in their order from top to bottom, and the median.
pub fn rounds_row(
    axis: RatioAxis,
    variant: Variant,
    costs: &[f64],
    median: f64,
    label: &str,
) -> Markup {
    const HEIGHT: f64 = 26.0;
    let y = |index: usize| {
        let share = (index as f64 + 0.5) / costs.len() as f64;
        format!("{:.1}", 3.0 + share * (HEIGHT - 6.0))
    };
    let x = percent(axis.clamped(median));
    html! {
        svg.plot width="100%" height=(HEIGHT) role="img" aria-label=(label) {
            title { (label) }
            @for tick in axis.ticks() {
                @let x = percent(axis.clamped(tick));
                line class=(if tick == 1.0 { "one" } else { "grid" }) x1=(x) x2=(x) y1="0" y2="100%" {}
            }
            g class=(variant) {
                line.median x1=(x) x2=(x) y1="1" y2="25" {}
                @for (index, cost) in costs.iter().enumerate() {
                    circle.round cx=(percent(axis.clamped(*cost))) cy=(y(index)) r="3" {}
                }
            }
        }
    }
}

/// A line of a line plot.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whose.
    pub variant: Variant,
    /// Through these.
    pub points: Vec<(f64, f64)>,
}

/// From where to where an axis goes, and whether in steps of ten times.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
}

/// An axis whose ends are this many times apart is logarithmic.
const WIDE: f64 = 50.0;
/// A line with more points than this shows no dots.
const DOTS: usize = 60;

impl Axis {
    /// One for these. What is not logarithmic begins at 0 if `from_zero` says so.
    fn of(values: impl Iterator<Item = f64> + Clone, from_zero: bool) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        let logarithmic = low > 0.0 && high / low >= WIDE;
        let low = if from_zero && !logarithmic {
            low.min(0.0)
        } else {
            low
        };
        let high = if high > low { high } else { low + 1.0 };
        Self {
            low,
            high,
            logarithmic,
        }
    }

    fn at(self, value: f64) -> f64 {
        match self.logarithmic {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        }
    }

    fn ticks(self) -> Vec<f64> {
        if self.logarithmic {
            let first = self.low.log10().ceil() as i32;
            let last = self.high.log10().floor() as i32;
            return (first..=last).map(|power| 10f64.powi(power)).collect();
        }
        let step = nice((self.high - self.low) / 3.0);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last).map(|n| n as f64 * step).collect()
    }
}

/// A large number, short.
pub fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        v if v >= 1e9 => (value / 1e9, "G"),
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{value:.1}");
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// The two axes of a line plot. There is some room around what is drawn.
#[derive(Clone, Copy)]
struct Plane {
    x: Axis,
    y: Axis,
}

impl Plane {
    fn across(self, value: f64) -> f64 {
        0.03 + 0.94 * self.x.at(value)
    }

    fn down(self, value: f64) -> f64 {
        0.94 - 0.86 * self.y.at(value)
    }

    fn path(self, points: &[(f64, f64)]) -> String {
        let point = |(x, y): &(f64, f64)| {
            let (x, y) = (self.across(*x) * 1000.0, self.down(*y) * 1000.0);
            format!("{x:.2},{y:.2}")
        };
        points.iter().map(point).collect::<Vec<_>>().join(" ")
    }

    fn grid(self) -> Markup {
        html! {
            @for tick in self.y.ticks() {
                @let at = percent(self.down(tick));
                line.grid x1="0" x2="100%" y1=(at) y2=(at) {}
            }
            @for tick in self.x.ticks() {
                @let at = percent(self.across(tick));
                line.grid x1=(at) x2=(at) y1="0" y2="100%" {}
            }
        }
    }

    fn dots(self, line: &Line) -> Markup {
        html! {
            g class=(line.variant) {
                @for (x, y) in &line.points {
                    circle.point cx=(percent(self.across(*x))) cy=(percent(self.down(*y))) r="3" {
                        title { (line.variant) ": " (short(*x)) ", " (number(*y)) }
                    }
                }
            }
        }
    }
}

/// Lines over common axes.
pub fn lines(lines: &[Line], label: &str) -> Markup {
    let all = || lines.iter().flat_map(|line| line.points.iter());
    if all().next().is_none() {
        return html! {};
    }
    let plane = Plane {
        x: Axis::of(all().map(|(x, _)| *x), false),
        y: Axis::of(all().map(|(_, y)| *y), true),
    };
    html! {
        svg.plot.lines width="100%" height="240" role="img" aria-label=(label) {
            title { (label) }
            (plane.grid())
            svg x="0" y="0" width="100%" height="100%" viewBox="0 0 1000 1000" preserveAspectRatio="none" {
                @for line in lines {
                    polyline class={ "line " (line.variant) } points=(plane.path(&line.points)) {}
                }
            }
            @for line in lines.iter().filter(|line| line.points.len() <= DOTS) { (plane.dots(line)) }
            @for tick in plane.y.ticks() {
                svg x="0" y=(percent(plane.down(tick))) width="100%" height="1" overflow="visible" {
                    text.tick x="2" y="-3" { (short(tick)) }
                }
            }
        }
        svg.plot width="100%" height="18" aria-hidden="true" {
            @for tick in plane.x.ticks() {
                @let at = plane.across(tick);
                text.tick x=(percent(at)) y="13" text-anchor=(anchor(at)) { (short(tick)) }
            }
        }
    }
}

/// A bar of pieces, each as long as its value in `unit`; `whole` is the width.
pub fn stacked(pieces: &[(String, usize, f64)], whole: f64, unit: &str, label: &str) -> Markup {
    let mut start = 0.0;
    let placed: Vec<_> = pieces
        .iter()
        .map(|(name, colour, value)| {
            let from = start / whole;
            start += value;
            (name, colour, *value, from)
        })
        .collect();
    html! {
        svg.plot width="100%" height="22" role="img" aria-label=(label) {
            title { (label) }
            @for (name, colour, value, from) in placed {
                @if value > 0.0 {
                    rect class={ "stage stage" (colour) } x=(percent(from)) width=(percent(value / whole)) y="2" height="18" {
                        title { (name) ": " (number(value)) " " (unit) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_s_axis_has_1_in_its_middle() {
        let axis = RatioAxis::of([0.98, 1.0, 1.05]);
        assert_eq!(axis.at(1.0), Some(0.5));
        assert!(axis.at(0.98).unwrap() < 0.5 && axis.at(1.05).unwrap() > 0.9);
        assert!(axis.ticks().contains(&1.0));
        // Nothing differs, or nothing is there: still an axis.
        assert!(RatioAxis::of([1.0]).ticks().len() > 1);
        assert_eq!(RatioAxis::of([]).at(1.0), Some(0.5));
        assert_eq!(RatioAxis::of([0.0, f64::NAN]), RatioAxis::of([]));
    }

    #[test]
    fn one_far_off_does_not_hide_the_others() {
        let mut ratios = vec![0.999, 1.001, 0.998, 1.002, 1.0, 0.99, 1.01];
        ratios.push(40.0);
        let axis = RatioAxis::of(ratios);
        assert_eq!(axis.at(40.0), None);
        assert!(axis.at(1.01).unwrap() > 0.6);
        let row = ratio_row(axis, &[dot(40.0)], "x").into_string();
        assert!(row.contains("beyond") && !row.contains("<circle"));
    }

    fn dot(ratio: f64) -> Dot {
        Dot {
            variant: Variant::Module,
            ratio,
            low: ratio,
            high: ratio,
        }
    }

    #[test]
    fn ticks_are_easy_to_read() {
        assert_eq!(nice(0.013), 0.01);
        assert_eq!(nice(7.0), 5.0);
        assert_eq!(nice(250.0), 200.0);
        for limit in [1.004, 1.1, 1.7, 3.0, 60.0] {
            let ticks = RatioAxis::of([limit]).ticks();
            assert!((3..=5).contains(&ticks.len()), "{limit}: {ticks:?}");
        }
        assert_eq!(tick_label(1.0), "1.0");
        assert_eq!(tick_label(0.99), "0.99");
        assert_eq!(short(402_000.0), "402k");
        assert_eq!(short(1_500_000.0), "1.5M");
        assert_eq!(short(2000.0), "2000");
    }

    #[test]
    fn wide_axes_are_logarithmic() {
        let x = Axis::of([1.0, 2000.0].into_iter(), false);
        assert!(x.logarithmic);
        assert_eq!(x.ticks(), [1.0, 10.0, 100.0, 1000.0]);
        let y = Axis::of([400.0, 500.0].into_iter(), true);
        assert!(!y.logarithmic && y.low == 0.0);
        // One value only: still an axis.
        let flat = Axis::of([3.0].into_iter(), false);
        assert!(flat.at(3.0).is_finite());
    }
}
