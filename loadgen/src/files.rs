//! Files that a command leaves behind: whole or not at all, and known to be possible before the work begins.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::failure::Failure;

/// Writes a file whole or not at all: whoever finds it finds all of it.
pub fn write_whole(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let unfinished = path.with_file_name(name);
    let written = (|| {
        let mut file = BufWriter::new(File::create(&unfinished)?);
        content(&mut file)?;
        file.write_all(b"\n")?;
        file.into_inner()?.sync_all()?;
        std::fs::rename(&unfinished, path)
    })();
    if written.is_err() {
        // What is left of a failed attempt helps nobody; that it failed is told below.
        let _ = std::fs::remove_file(&unfinished);
    }
    written
}

/// Writes a JSON report to where `--summary-file` wants it.
pub fn write_summary(path: &Path, json: &str) -> Result<(), Failure> {
    write_whole(path, |file| file.write_all(json.as_bytes())).map_err(|error| {
        Failure::run(format!(
            "cannot write the summary {}: {error}: name another --summary-file",
            path.display()
        ))
    })
}

/// Refuses a path that `flag` can't write to: that is better known before a run than after it.
pub fn check_path(flag: &str, path: &Path) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if path.is_dir() || path.file_name().is_none() {
        return Err(Failure::usage(format!(
            "{flag} {}: that is a folder, name a file",
            path.display()
        )));
    }
    if !folder.is_dir() {
        return Err(Failure::usage(format!(
            "{flag} {}: there is no folder {}, create it",
            path.display(),
            folder.display()
        )));
    }
    Ok(())
}
