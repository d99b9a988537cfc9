//! How large DynamoDB takes an item to be: "Item sizes and formats" in its developer guide.

use serde_json::Value;

/// What a list or a map takes beside what it holds, and each of its elements.
const CONTAINER_BYTES: usize = 3;
const ELEMENT_BYTES: usize = 1;

/// Bytes of an item in DynamoDB's JSON: names in UTF-8, and values.
pub(crate) fn item_bytes(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes
        .map(|(name, value)| name.len() + value_bytes(value))
        .sum()
}

fn value_bytes(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else {
        return 0;
    };
    let text = || value.as_str().unwrap_or_default();
    let each = |bytes: fn(&str) -> usize| {
        let members = value.as_array().into_iter().flatten();
        members
            .map(|member| bytes(member.as_str().unwrap_or_default()))
            .sum()
    };
    match kind.as_str() {
        "S" => text().len(),
        "N" => number_bytes(text()),
        "B" => binary_bytes(text()),
        "SS" => each(str::len),
        "NS" => each(number_bytes),
        "BS" => each(binary_bytes),
        "L" => {
            let elements = value.as_array().into_iter().flatten();
            let held = elements.map(|element| ELEMENT_BYTES + value_bytes(element));
            CONTAINER_BYTES + held.sum::<usize>()
        }
        "M" => {
            let elements = value.as_object().map_or(0, serde_json::Map::len);
            CONTAINER_BYTES + elements * ELEMENT_BYTES + item_bytes(value)
        }
        // A truth value, or none.
        _ => 1,
    }
}

/// A byte for two significant digits, one more, and one for a minus sign.
fn number_bytes(number: &str) -> usize {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_matches('0').len();
    significant.div_ceil(2) + 1 + usize::from(number.starts_with('-'))
}

/// Of base64.
fn binary_bytes(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_is_as_large_as_its_names_and_values() {
        assert_eq!(item_bytes(&json!({ "name": { "S": "Grün" } })), 4 + 5);
        assert_eq!(item_bytes(&json!({ "b": { "B": "AAECAw==" } })), 1 + 4);
        assert_eq!(item_bytes(&json!({ "n": { "N": "-12300" } })), 1 + 4);
        assert_eq!(
            item_bytes(&json!({ "t": { "BOOL": true }, "u": { "NULL": true } })),
            4
        );
        let nested = json!({ "m": { "M": { "a": { "S": "x" }, "l": { "L": [{ "S": "yz" }] } } } });
        assert_eq!(item_bytes(&nested), 1 + (3 + 2 + (1 + 1) + (1 + (3 + 1 + 2))));
        assert_eq!(item_bytes(&json!({ "s": { "SS": ["ab", "c"] } })), 1 + 3);
        assert_eq!(item_bytes(&json!({})), 0);
    }
}
