//! What the stack's template says that decides on costs.

use std::path::Path;

use anyhow::Context as _;

/// The template's text.
pub(crate) struct Template(String);

impl Template {
    /// Reads it.
    pub(crate) fn read(repository: &Path) -> anyhow::Result<Self> {
        let path = repository.join("infra/template.yaml");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self(text))
    }

    /// The memory of a function, in MB.
    pub(crate) fn memory_mb(&self, function: &str) -> anyhow::Result<u32> {
        let name = format!("FunctionName: !Sub globalmart-${{Stage}}-{function}\n");
        let (_, after) = self
            .0
            .split_once(&name)
            .with_context(|| format!("the template has no function {function}"))?;
        number_after(after, "MemorySize: ").with_context(|| format!("{function} has no MemorySize"))
    }

    /// The default of a parameter that is a number.
    pub(crate) fn default(&self, parameter: &str) -> anyhow::Result<u32> {
        let (_, after) = self
            .0
            .split_once(&format!("\n  {parameter}:\n"))
            .with_context(|| format!("the template has no parameter {parameter}"))?;
        number_after(after, "Default: ").with_context(|| format!("{parameter} has no default"))
    }
}

fn number_after(text: &str, label: &str) -> Option<u32> {
    let (_, value) = text.split_once(label)?;
    value.lines().next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::functions::{JOBS, SWEEPING};
    use super::*;

    #[test]
    fn every_function_has_memory_and_windows_have_defaults() {
        let template = Template::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
        for (job, _) in JOBS {
            assert!(template.memory_mb(job).unwrap() >= 128, "{job}");
        }
        for job in SWEEPING {
            assert!(template.memory_mb(job).unwrap() >= 128, "{job}");
        }
        for window in ["MetricsWindowSeconds", "ArchiveWindowSeconds"] {
            assert!(template.default(window).unwrap() > 0, "{window}");
        }
        assert!(template.memory_mb("nobody").is_err());
    }
}
