//! How a command ends when it doesn't end well: one message, and an exit code.

/// Why a command ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The command line asks for something that can't be: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// What was asked for didn't work: exit code 1.
    #[error("{0}")]
    Run(String),
    /// Somebody ended it: exit code 130.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// A failed run.
    pub fn run(message: impl Into<String>) -> Self {
        Self::Run(message.into())
    }

    /// What the process ends with.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Run(_) => 1,
            Self::Usage(_) => 2,
            Self::Interrupted => 130,
        }
    }
}

/// What caused an error in the end, and in what: the layers above it say little.
#[must_use]
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    match &texts[..] {
        [.., above, root] if above.contains(root) => above.clone(),
        [.., above, root] => format!("{above}: {root}"),
        _ => error.to_string(),
    }
}
