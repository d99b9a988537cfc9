//! Plots as SVG text: one look for all of them. White paper, so that they can be read on a dark page, too.

use std::error::Error;
use std::ops::Range;

use anyhow::anyhow;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

const SIZE: (u32, u32) = (800, 400);
const FONT: &str = "sans-serif";
pub(crate) const INK: RGBColor = RGBColor(45, 55, 72);
pub(crate) const BLUE: RGBColor = RGBColor(43, 108, 176);
pub(crate) const ORANGE: RGBColor = RGBColor(221, 107, 32);
pub(crate) const GREEN: RGBColor = RGBColor(56, 161, 105);
const GRID: RGBColor = RGBColor(226, 232, 240);

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
/// A chart on two axes.
pub(crate) type Chart<'c, 'a, X, Y = RangedCoordf64> = ChartContext<'c, SVGBackend<'a>, Cartesian2d<X, Y>>;
pub(crate) type Drawn = Result<(), Box<dyn Error>>;

/// What is written around a plot.
pub(crate) struct Labels<'l> {
    pub(crate) title: &'l str,
    pub(crate) x: &'l str,
    pub(crate) y: &'l str,
}

/// Draws on white paper.
pub(crate) fn svg(draw: impl FnOnce(&Area<'_>) -> Drawn) -> anyhow::Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        let drawn = area.fill(&WHITE).map_err(Into::into).and_then(|()| draw(&area));
        drawn
            .and_then(|()| area.present().map_err(Into::into))
            .map_err(|error| anyhow!("a plot: {error}"))?;
    }
    Ok(text)
}

/// The frame of a chart: title, room for the axes.
pub(crate) fn builder<'a, 'b>(area: &'b Area<'a>, title: &str) -> ChartBuilder<'b, 'b, SVGBackend<'a>> {
    let mut builder = ChartBuilder::on(area);
    builder
        .caption(title, (FONT, 23).into_font().color(&INK))
        .margin(14)
        .margin_right(26)
        .x_label_area_size(52)
        .y_label_area_size(74);
    builder
}

/// Axes with their labels, and lines across for the values.
pub(crate) fn axes<X, Y>(
    chart: &mut Chart<'_, '_, X, Y>,
    labels: &Labels<'_>,
    ticks: usize,
    x: &dyn Fn(&f64) -> String,
    y: &dyn Fn(&f64) -> String,
) -> Drawn
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_labels(ticks)
        .y_labels(6)
        .x_desc(labels.x)
        .y_desc(labels.y)
        .label_style((FONT, 17).into_font().color(&INK))
        .axis_desc_style((FONT, 18).into_font().color(&INK))
        .x_label_formatter(&x)
        .y_label_formatter(&y)
        .draw()?;
    Ok(())
}

/// The legend of what was drawn with a label.
pub(crate) fn legend<'a, X, Y>(chart: &mut Chart<'a, 'a, X, Y>, place: SeriesLabelPosition) -> Drawn
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    chart
        .configure_series_labels()
        .position(place)
        .margin(12)
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .label_font((FONT, 17).into_font().color(&INK))
        .draw()?;
    Ok(())
}

/// A sample of a colour for the legend.
pub(crate) fn swatch(at: (i32, i32), style: ShapeStyle) -> Rectangle<(i32, i32)> {
    Rectangle::new([(at.0, at.1 - 5), (at.0 + 18, at.1 + 5)], style)
}

/// A bar for each value, the first at `first`.
pub(crate) struct Bars<'l> {
    pub(crate) labels: Labels<'l>,
    pub(crate) first: u32,
    pub(crate) values: &'l [f64],
    /// Where the mean is to lie, and where it lies.
    pub(crate) mean: Option<(Range<f64>, f64)>,
    /// What the highest bar is to reach, and how that is called.
    pub(crate) reach: Option<(f64, &'l str)>,
}

impl Bars<'_> {
    pub(crate) fn svg(&self) -> anyhow::Result<String> {
        let top = self.values.iter().fold(0.0, |top, value| value.max(top)) * 1.1;
        let first = f64::from(self.first);
        let (left, right) = (first - 0.6, first + self.values.len() as f64 - 0.4);
        let target = GREEN.mix(0.4).filled();
        svg(|area| {
            let mut chart = builder(area, self.labels.title).build_cartesian_2d(left..right, 0.0..top)?;
            axes(
                &mut chart,
                &self.labels,
                self.values.len(),
                &|x| format!("{x:.0}"),
                &|y| format!("{y:.0} %"),
            )?;
            if let Some((range, _)) = &self.mean {
                chart
                    .draw_series([Rectangle::new([(range.start, 0.0), (range.end, top)], target)])?
                    .label(format!("target of the mean: {} to {}", range.start, range.end))
                    .legend(move |at| swatch(at, target));
            }
            let bars = (0_u32..)
                .zip(self.values)
                .map(|(n, value)| (first + f64::from(n), *value));
            chart.draw_series(
                bars.map(|(x, y)| Rectangle::new([(x - 0.4, 0.0), (x + 0.4, y)], BLUE.mix(0.85).filled())),
            )?;
            if let Some((_, mean)) = self.mean {
                chart
                    .draw_series(LineSeries::new(
                        [(mean, 0.0), (mean, top)],
                        ORANGE.stroke_width(2),
                    ))?
                    .label(format!("mean: {mean:.2}"))
                    .legend(|at| swatch(at, ORANGE.filled()));
            }
            if let Some((level, name)) = self.reach {
                chart
                    .draw_series(LineSeries::new(
                        [(left, level), (right, level)],
                        GREEN.stroke_width(2),
                    ))?
                    .label(name)
                    .legend(|at| swatch(at, GREEN.filled()));
            }
            if self.mean.is_some() || self.reach.is_some() {
                let place = if self.mean.is_some() {
                    SeriesLabelPosition::UpperRight
                } else {
                    SeriesLabelPosition::UpperLeft
                };
                legend(&mut chart, place)?;
            }
            Ok(())
        })
    }
}

/// A whole number, thousands apart.
pub(crate) fn shown(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
