//! The tables of keys as a JSON Schema, for editors: completion, words on hovering, and a red line
//! below what is wrong while it is written.

use serde_json::{Map, Value, json};

use crate::scenario::SHAPE;
use crate::shape::{Form, Key, Notation, Shape, within};

/// The schema of scenario files, JSON Schema draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    let shapes = within(&SHAPE);
    let mut defs = Map::new();
    defs.insert("parameter".to_owned(), parameter());
    for shape in &shapes {
        shape.keys().for_each(|key| define(key.form, &mut defs));
        if let Some((name, form)) = shape.others {
            define(*name, &mut defs);
            define(*form, &mut defs);
        }
    }
    for shape in shapes.iter().skip(1) {
        defs.insert(slug(shape.name), mapping(shape));
    }
    let mut whole = mapping(&SHAPE);
    if let Value::Object(whole) = &mut whole {
        whole.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        whole.insert("title".to_owned(), "ikelab scenario, format 1".into());
        whole.insert("$defs".to_owned(), defs.into());
    }
    whole
}

/// A parameter may stand in every single value; it is checked once it is filled in.
fn parameter() -> Value {
    json!({
        "description": "A parameter of the matrix, alone or with text around it: ${name}.",
        "type": "string",
        "pattern": r"\$\{[^}]+\}",
    })
}

/// Puts the notations of a form among the definitions.
fn define(form: Form, defs: &mut Map<String, Value>) {
    match form {
        Form::Written(notation) => {
            defs.insert(format!("value-{}", slug(notation.name)), written(notation));
        }
        Form::List(form) => define(*form, defs),
        Form::Names(name, form) => {
            define(*name, defs);
            define(*form, defs);
        }
        Form::Any(forms) => forms.iter().for_each(|form| define(*form, defs)),
        Form::Integer(..)
        | Form::Number(..)
        | Form::Boolean
        | Form::Words(_)
        | Form::Shape(_)
        | Form::Anything => {}
    }
}

fn written(notation: &Notation) -> Value {
    let kind = match (notation.pattern.is_empty(), notation.number) {
        (true, true) => json!({ "type": ["string", "number", "boolean"] }),
        (true, false) => json!({ "type": "string" }),
        (false, true) => json!({ "type": ["string", "number"], "pattern": notation.pattern }),
        (false, false) => json!({ "type": "string", "pattern": notation.pattern }),
    };
    let mut value = if notation.pattern.is_empty() { kind } else { or_parameter(&kind) };
    describe(&mut value, notation.about);
    value
}

fn or_parameter(kind: &Value) -> Value {
    json!({ "anyOf": [kind, { "$ref": "#/$defs/parameter" }] })
}

fn mapping(shape: &Shape) -> Value {
    let used = shape.keys().filter(|key| !key.later);
    let properties: Map<_, _> =
        used.clone().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<_> = used.filter(|key| key.required).map(|key| key.name).collect();
    let others = shape.others.map_or(Value::Bool(false), |(_, form)| value(*form));
    let mut schema = json!({
        "description": shape.about,
        "type": "object",
        "properties": properties,
        "additionalProperties": others,
    });
    if let Value::Object(schema) = &mut schema {
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if !shape.one_of.is_empty() {
            let kinds = shape.one_of.iter().map(|key| json!({ "required": [key] }));
            schema.insert("oneOf".to_owned(), kinds.collect());
        }
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut value = value(key.form);
    let about = match key.default {
        "" => key.about.to_owned(),
        default => format!("{} Default: {default}.", key.about),
    };
    describe(&mut value, &about);
    if let (Some(default), Value::Object(value)) = (literal(key), &mut value) {
        value.insert("default".to_owned(), default);
    }
    value
}

/// The default as a value, where it is one that the file could say.
fn literal(key: &Key) -> Option<Value> {
    let plain = !key.default.is_empty() && !key.default.contains([' ', '[']);
    match key.form {
        Form::Shape(_) | Form::List(_) | Form::Names(..) | Form::Anything => None,
        Form::Integer(..) | Form::Number(..) => key.default.parse::<u64>().ok().map(Value::from),
        Form::Boolean => key.default.parse::<bool>().ok().map(Value::from),
        Form::Written(_) | Form::Words(_) | Form::Any(_) => plain.then(|| key.default.into()),
    }
}

fn value(form: Form) -> Value {
    match form {
        Form::Written(notation) => {
            json!({ "$ref": format!("#/$defs/value-{}", slug(notation.name)) })
        }
        Form::Integer(low, high) => {
            or_parameter(&json!({ "type": "integer", "minimum": low, "maximum": high }))
        }
        Form::Number(low, high) => {
            or_parameter(&json!({ "type": "number", "minimum": low, "maximum": high }))
        }
        Form::Boolean => or_parameter(&json!({ "type": "boolean" })),
        Form::Words(words) => or_parameter(&json!({ "enum": enumerated(words) })),
        Form::List(form) => json!({ "type": "array", "items": value(*form) }),
        Form::Names(name, form) => json!({
            "type": "object",
            "propertyNames": value(*name),
            "additionalProperties": value(*form),
        }),
        Form::Shape(shape) => json!({ "$ref": format!("#/$defs/{}", slug(shape.name)) }),
        Form::Any(forms) => {
            json!({ "anyOf": forms.iter().map(|form| value(*form)).collect::<Vec<_>>() })
        }
        Form::Anything => json!({}),
    }
}

/// The words, and for `true` and `false` what YAML makes of them.
fn enumerated(words: &[&str]) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for word in words {
        all.extend(word.parse::<bool>().ok().map(Value::from));
        all.push((*word).into());
    }
    all
}

fn describe(value: &mut Value, about: &str) {
    if let Value::Object(value) = value {
        value.insert("description".to_owned(), about.into());
    }
}

fn slug(name: &str) -> String {
    name.replace([' ', '_'], "-")
}
