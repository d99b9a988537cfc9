//! `loadgen schema`: the contract as JSON Schema, for whoever sends or reads the same events.

use std::path::{Path, PathBuf};

use events::{EventType, schema_of};
use serde_json::{Map, Value, json};

use crate::args::{Output, SchemaArgs};
use crate::failure::Failure;

const SCHEMA_VERSION: u32 = 1;

/// Does what the flags say; returns what there is to print.
pub fn schema(args: &SchemaArgs) -> Result<String, Failure> {
    let wanted = args
        .event_type
        .as_ref()
        .map_or(EventType::ALL, std::slice::from_ref);
    if let Some(folder) = &args.dir {
        let files = write(wanted, folder).map_err(|error| {
            Failure::run(format!(
                "cannot write to the folder {}: {error}: name another --dir",
                folder.display()
            ))
        })?;
        return Ok(match args.output {
            Output::Human => files.join("\n"),
            Output::Json => format!(
                "{:#}",
                json!({ "schema_version": SCHEMA_VERSION, "files": files })
            ),
        });
    }
    let schemas: Map<String, Value> = wanted
        .iter()
        .map(|event_type| (event_type.to_string(), schema_of(*event_type)))
        .collect();
    Ok(match (args.output, args.event_type) {
        (Output::Human, Some(event_type)) => document(event_type),
        (Output::Human, None) => format!("{:#}", Value::Object(schemas)),
        (Output::Json, _) => format!(
            "{:#}",
            json!({ "schema_version": SCHEMA_VERSION, "schemas": schemas })
        ),
    })
}

fn document(event_type: EventType) -> String {
    format!("{:#}", schema_of(event_type))
}

/// Writes a file a type, by the names and to the byte as the contract's repository publishes them.
fn write(wanted: &[EventType], folder: &Path) -> std::io::Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    wanted
        .iter()
        .map(|event_type| {
            let path: PathBuf = folder.join(format!("{event_type}.json"));
            std::fs::write(&path, document(*event_type) + "\n")?;
            Ok(path.display().to_string())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(event_type: Option<EventType>, output: Output) -> SchemaArgs {
        SchemaArgs {
            event_type,
            all: false,
            dir: None,
            output,
        }
    }

    fn printed(event_type: Option<EventType>, output: Output) -> Value {
        serde_json::from_str(&schema(&args(event_type, output)).unwrap()).unwrap()
    }

    #[test]
    fn one_type_is_its_document_and_all_are_an_object_by_type() {
        let refund = schema_of(EventType::Refund);
        assert_eq!(printed(Some(EventType::Refund), Output::Human), refund);
        let all = printed(None, Output::Human);
        assert_eq!(all["refund"], refund);
        assert_eq!(all.as_object().unwrap().len(), EventType::ALL.len());
    }

    #[test]
    fn for_scripts_there_is_one_object_with_a_version() {
        let one = printed(Some(EventType::Search), Output::Json);
        assert_eq!(one["schema_version"], 1);
        assert_eq!(one["schemas"], json!({ "search": schema_of(EventType::Search) }));
        assert_eq!(
            printed(None, Output::Json)["schemas"],
            printed(None, Output::Human)
        );
    }

    #[test]
    fn files_are_those_that_are_published() {
        let folder = tempfile::tempdir().unwrap();
        let to_folder = SchemaArgs {
            dir: Some(folder.path().join("new")),
            ..args(None, Output::Human)
        };
        let told = schema(&to_folder).unwrap();
        let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/events/schemas");
        let mut names: Vec<_> = std::fs::read_dir(&published)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(
            std::fs::read_dir(folder.path().join("new")).unwrap().count(),
            names.len()
        );
        for name in names {
            let path = folder.path().join("new").join(&name);
            assert!(told.lines().any(|line| Path::new(line) == path), "{told}");
            let ours = std::fs::read_to_string(path).unwrap();
            assert!(
                ours == std::fs::read_to_string(published.join(&name)).unwrap(),
                "{name:?}"
            );
        }
    }
}
