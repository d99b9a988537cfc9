//! The contract as JSON Schema, one document an event type, generated from the Rust types.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use crate::event::{
    CartLine, Checkout, Compare, Envelope, EventType, Filter, ProductView, Refund, Sale, Search,
};
use crate::{MAX_AMOUNT_MINOR, MAX_QUANTITY, MAX_TEXT_CHARS, SCHEMA_VERSION};

/// An event as one flat object.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Document<B> {
    #[serde(flatten)]
    envelope: Envelope,
    #[serde(flatten)]
    body: B,
}

/// The JSON Schema (draft 2020-12) of one type of event.
#[must_use]
pub fn schema_of(event_type: EventType) -> Value {
    let schema = match event_type {
        EventType::ProductView => document::<ProductView>(),
        EventType::Search => document::<Search>(),
        EventType::Filter => document::<Filter>(),
        EventType::Compare => document::<Compare>(),
        EventType::CartAdd | EventType::CartUpdate | EventType::CartRemove => document::<CartLine>(),
        EventType::CartCheckout => document::<Checkout>(),
        EventType::Purchase => document::<Sale>(),
        EventType::Refund => document::<Refund>(),
    };
    let mut schema = schema.to_value();
    add_limits(&mut schema);
    schema["title"] = json!(event_type.as_str());
    schema["description"] = json!(format!("An event on the stream {}.", event_type.stream()));
    let constants = [
        ("event_type", json!(event_type)),
        ("schema_version", json!(SCHEMA_VERSION)),
    ];
    for (name, value) in constants {
        schema["properties"][name] = json!({ "const": value });
        if let Some(required) = schema["required"].as_array_mut() {
            required.insert(0, json!(name));
        }
    }
    schema
}

fn document<B: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Document<B>>()
}

/// What the rules say of single values, said in the schema too.
fn add_limits(schema: &mut Value) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, property) in properties {
            let limits = match name.as_str() {
                "quantity" => json!({ "minimum": 1, "maximum": MAX_QUANTITY }),
                "items" | "lines" => json!({ "minItems": 1 }),
                "filters" => json!({
                    "propertyNames": { "maxLength": MAX_TEXT_CHARS },
                    "additionalProperties": { "type": "string", "maxLength": MAX_TEXT_CHARS },
                }),
                "category" | "query" => json!({ "maxLength": MAX_TEXT_CHARS }),
                name if name.ends_with("_minor") => json!({ "minimum": 0, "maximum": MAX_AMOUNT_MINOR }),
                "user_id" | "product_id" | "results" => json!({ "maximum": i64::MAX }),
                _ => json!({}),
            };
            if let (Some(property), Value::Object(limits)) = (property.as_object_mut(), limits) {
                property.extend(limits);
            }
            if let Some(items) = property.get_mut("items") {
                add_limits(items);
            }
        }
    }
}
