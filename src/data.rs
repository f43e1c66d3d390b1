//! Plain values, as JSON and Python's literals have them: what an option is set to.
//!
//! They are typed, so that `600` and `'600'` differ, and owned. Whoever shows one has masked it.

use serde::de::{self, MapAccess, SeqAccess};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::Text;

/// A plain value. In JSON it is the value itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Data {
    /// `None`, `null`.
    #[default]
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(Text),
    /// A sequence: a list, a tuple, the numbers of a range.
    List(Vec<Data>),
    /// A mapping, in its order.
    Map(Vec<(Text, Data)>),
    /// Any other object, as it is shown: `<function upper at 0x…>`. In JSON a text.
    Object(Text),
}

impl Data {
    /// A text.
    pub fn text(text: impl Into<Text>) -> Data {
        Data::Text(text.into())
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Data::None => serializer.serialize_unit(),
            Data::Bool(value) => serializer.serialize_bool(*value),
            Data::Int(value) => serializer.serialize_i64(*value),
            Data::Float(value) if value.is_finite() => serializer.serialize_f64(*value),
            // JSON has no other numbers.
            Data::Float(value) => serializer.serialize_str(&value.to_string()),
            Data::Text(text) | Data::Object(text) => text.serialize(serializer),
            Data::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Data::Map(items) => {
                let mut map = serializer.serialize_map(Some(items.len()))?;
                for (key, value) in items {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Data, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Data;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a plain value")
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Data, E> {
        Ok(Data::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Data, E> {
        Ok(Data::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Data, E> {
        i64::try_from(value).map(Data::Int).map_err(E::custom)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Data, E> {
        Ok(Data::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Data, E> {
        Ok(Data::text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Data, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Data::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = map.next_entry()? {
            items.push(item);
        }
        Ok(Data::Map(items))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_value_itself() {
        let data = Data::Map(vec![
            ("b".into(), Data::List(vec![Data::Int(-1), Data::Float(0.5), Data::None])),
            ("a".into(), Data::List(vec![Data::Bool(true), Data::text("600")])),
        ]);
        let json = r#"{"b":[-1,0.5,null],"a":[true,"600"]}"#;
        assert_eq!(serde_json::to_string(&data).unwrap(), json);
        assert_eq!(serde_json::from_str::<Data>(json).unwrap(), data);
        assert_eq!(serde_json::to_string(&Data::Float(f64::NAN)).unwrap(), r#""NaN""#);
        assert_eq!(serde_json::to_string(&Data::Object("<f>".into())).unwrap(), r#""<f>""#);
    }
}
