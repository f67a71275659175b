//! The parameters of a call: looked up by name, each as what it has to be, and none left over.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::Uri;
use serde_json::Value;
use starling_ledger::hash::Hash;
use starling_ledger::vote::Height;

use super::error::RpcError;

/// What a parameter has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number from 0 to 2^64 − 1, written without a sign, a point or an exponent.
    Integer,
    /// A height, or `"latest"`.
    Height,
    /// A text.
    Text,
}

/// One parameter of a method.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: &'static str,
    /// What it has to be.
    pub(super) kind: Kind,
    /// Whether a call without it is refused.
    pub(super) required: bool,
    /// What it says.
    pub(super) about: &'static str,
}

/// The parameters given in one call; every name is one of the method's.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters {
    values: BTreeMap<String, Value>,
    /// They came in a query, where a number is a text.
    query: bool,
}

impl Parameters {
    /// Takes the `params` of JSON-RPC: an object, a list in the order of `known`, or nothing, for
    /// which many clients write `null`.
    pub(super) fn from_json(known: &[Parameter], given: Option<Value>) -> Result<Self, RpcError> {
        let values = match given {
            None | Some(Value::Null) => BTreeMap::new(),
            Some(Value::Object(map)) => map.into_iter().collect(),
            Some(Value::Array(list)) if list.len() > known.len() => {
                let count = list.len();
                let message = format!("{count} parameters, at most {} are known", known.len());
                return Err(RpcError::parameters(message));
            }
            Some(Value::Array(list)) => known
                .iter()
                .map(|known| known.name.to_owned())
                .zip(list)
                .collect(),
            Some(_) => return Err(RpcError::parameters("params are neither object nor list")),
        };
        Self {
            values,
            query: false,
        }
        .check(known)
    }

    /// Takes the query of a request.
    pub(super) fn from_query(known: &[Parameter], uri: &Uri) -> Result<Self, RpcError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| RpcError::parameters("the query cannot be read"))?;
        let mut values = BTreeMap::new();
        for (name, text) in pairs {
            if values.insert(name.clone(), Value::String(text)).is_some() {
                return Err(RpcError::parameters(format!(
                    "`{}` stands twice",
                    shown(&name)
                )));
            }
        }
        Self {
            values,
            query: true,
        }
        .check(known)
    }

    fn check(self, known: &[Parameter]) -> Result<Self, RpcError> {
        let names: Vec<_> = known.iter().map(|known| known.name).collect();
        match self
            .values
            .keys()
            .find(|name| !names.contains(&name.as_str()))
        {
            None => Ok(self),
            Some(unknown) => {
                let known = match names.as_slice() {
                    [] => "there are none".to_owned(),
                    names => format!("known: {}", names.join(", ")),
                };
                let unknown = shown(unknown);
                Err(RpcError::parameters(format!(
                    "unknown parameter `{unknown}`; {known}"
                )))
            }
        }
    }

    /// Takes a text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, RpcError> {
        match self.values.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(RpcError::parameters(format!("`{name}` is not a text"))),
        }
    }

    /// Takes a text that has to be there.
    pub(super) fn required(&mut self, name: &str) -> Result<String, RpcError> {
        let missing = || RpcError::parameters(format!("`{name}` is missing"));
        self.text(name)?.ok_or_else(missing)
    }

    /// Takes an integer.
    pub(super) fn integer(&mut self, name: &str) -> Result<Option<u64>, RpcError> {
        let value = match self.values.remove(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) if self.query => integer(&text),
            Some(_) => None,
        };
        let wrong = || RpcError::parameters(format!("`{name}` is not an integer from 0 to 2^64-1"));
        value.map(Some).ok_or_else(wrong)
    }

    /// Takes a height; `"latest"` is the same as nothing.
    pub(super) fn height(&mut self, name: &str) -> Result<Option<Height>, RpcError> {
        if self.values.get(name).and_then(Value::as_str) == Some("latest") {
            self.values.remove(name);
        }
        self.integer(name)
    }

    /// Takes a hash.
    pub(super) fn hash(&mut self, name: &str) -> Result<Option<Hash>, RpcError> {
        let wrong = |_| RpcError::parameters(format!("`{name}` is not 64 hexadecimal digits"));
        self.text(name)?
            .map(|text| text.parse().map_err(wrong))
            .transpose()
    }
}

/// Reads an integer in the one way it can be written.
pub(super) fn integer(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|symbol| symbol.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| canonical)
}

/// Returns the beginning of a name from outside: enough to recognize it.
fn shown(name: &str) -> String {
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KNOWN: &[Parameter] = &[
        Parameter {
            name: "height",
            kind: Kind::Height,
            required: false,
            about: "",
        },
        Parameter {
            name: "hash",
            kind: Kind::Text,
            required: false,
            about: "",
        },
    ];

    #[test]
    fn reads_names_lists_and_queries_alike() {
        let by_name = Parameters::from_json(KNOWN, Some(json!({"height": 7}))).unwrap();
        let by_place = Parameters::from_json(KNOWN, Some(json!([7]))).unwrap();
        let query = Uri::from_static("/rpc/block?height=7");
        let by_query = Parameters::from_query(KNOWN, &query).unwrap();
        for mut parameters in [by_name, by_place, by_query] {
            assert_eq!(parameters.height("height"), Ok(Some(7)));
        }
    }

    #[test]
    fn names_what_is_unknown_doubled_or_too_much() {
        let message = |result: Result<Parameters, RpcError>| result.unwrap_err().message;
        let unknown = message(Parameters::from_json(KNOWN, Some(json!({"heigth": 7}))));
        assert_eq!(unknown, "unknown parameter `heigth`; known: height, hash");
        let doubled = Uri::from_static("/rpc/block?height=7&height=8");
        let doubled = message(Parameters::from_query(KNOWN, &doubled));
        assert_eq!(doubled, "`height` stands twice");
        let many = message(Parameters::from_json(KNOWN, Some(json!([1, 2, 3]))));
        assert_eq!(many, "3 parameters, at most 2 are known");
    }

    #[test]
    fn refuses_what_is_not_the_one_way_to_write_an_integer() {
        for text in [
            "",
            "+1",
            "-1",
            "01",
            "1.0",
            "1e3",
            " 1",
            "18446744073709551616",
            "٣",
        ] {
            assert_eq!(integer(text), None, "{text}");
        }
        assert_eq!(integer("18446744073709551615"), Some(u64::MAX));
        let text = json!({"height": "7"});
        let mut quoted = Parameters::from_json(KNOWN, Some(text)).unwrap();
        assert!(quoted.height("height").is_err());
    }
}
