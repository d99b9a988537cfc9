//! Draws what the load generator's shops are like, next to what real shops are like: `docs/realism.md` and its plots.
//! The same bytes every time.

mod charts;
mod page;
mod plot;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use loadgen::realism::{Figure, Measured, Study, measure};

const SEED: u64 = 42;

/// A study that was run.
struct Done {
    study: Study,
    measured: Measured,
    figures: Vec<Figure>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("error: a figure misses its target");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all figures hold.
fn run() -> anyhow::Result<bool> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let plots = docs.join("realism");
    std::fs::create_dir_all(&plots).with_context(|| format!("cannot create {}", plots.display()))?;
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    let mut done = Vec::new();
    for &study in Study::ALL {
        eprintln!(
            "Measuring {} sessions of {} ...",
            study.sessions(),
            study.profile()
        );
        let measured = measure(study.config(SEED)?, study.sessions());
        let figures = study.figures(&measured);
        done.push(Done {
            study,
            measured,
            figures,
        });
    }
    let charts = charts::all(&done)?;
    for chart in &charts {
        write(&plots.join(chart.file), &chart.svg)?;
    }
    let path = docs.join("realism.md");
    write(&path, &page::page(SEED, &done, &charts))?;
    println!("Written: docs/realism.md and {} plots", charts.len());
    Ok(done.iter().flat_map(|done| &done.figures).all(Figure::holds))
}
