//! `loadgen completions` and `loadgen man`, made from the flags themselves.

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::failure::Failure;

/// The completion script of a shell.
#[must_use]
pub fn completions(args: &CompletionsArgs) -> String {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "loadgen", &mut script);
    text(script)
}

/// The manual page loadgen(1) as roff; or, with a folder, nothing, and every page is a file there.
pub fn man(args: &ManArgs) -> Result<String, Failure> {
    let mut page = Vec::new();
    let written = match &args.dir {
        Some(folder) => std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
            .map_err(|error| (folder.display().to_string(), error)),
        None => clap_mangen::Man::new(Cli::command().disable_help_subcommand(true))
            .render(&mut page)
            .map_err(|error| ("memory".to_owned(), error)),
    };
    match written {
        Ok(()) => Ok(text(page)),
        Err((place, error)) => Err(Failure::run(format!(
            "cannot write the manual to {place}: {error}: name another --dir"
        ))),
    }
}

fn text(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes).expect("names and texts of flags are UTF-8");
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use clap_complete::Shell;

    use super::*;

    fn subcommands() -> Vec<String> {
        let names = Cli::command();
        let names: Vec<String> = names
            .get_subcommands()
            .map(|sub| sub.get_name().to_owned())
            .collect();
        assert!(names.iter().any(|name| name == "run"));
        names
    }

    #[test]
    fn every_shell_completes_every_subcommand() {
        for &shell in Shell::value_variants() {
            let script = completions(&CompletionsArgs { shell });
            for name in subcommands() {
                assert!(script.contains(&name), "{name} is not in the script for {shell}");
            }
            assert!(script.contains("rate"), "flags are completed, too, in {shell}");
        }
    }

    #[test]
    fn the_manual_names_every_subcommand() {
        let page = man(&ManArgs { dir: None }).unwrap();
        assert!(
            page.starts_with(".ie") && page.contains(".TH loadgen 1"),
            "{page}"
        );
        for name in subcommands() {
            assert!(
                page.contains(&format!("loadgen\\-{name}(1)")),
                "{name} is not in {page}"
            );
        }
    }

    #[test]
    fn a_folder_gets_a_page_for_each_subcommand() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Some(folder.path().join("man1"));
        assert!(man(&ManArgs { dir }).unwrap().is_empty());
        let page = |name: &str| std::fs::read_to_string(folder.path().join("man1").join(name)).unwrap();
        assert!(page("loadgen.1").contains("loadgen"));
        for name in subcommands() {
            assert!(page(&format!("loadgen-{name}.1")).contains(&name));
        }
    }
}
