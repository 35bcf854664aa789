//! The operator's list of tokens: a JSON array, or a map, of
//! `{token, subject?, scopes, expires_at?}`, as `clasp token create` writes it (relay.md 9.5).

use std::fs::File;
use std::path::Path;

use clasp_auth::cpsk::{self, TokenHash};
use clasp_auth::token::{Holder, Token};
use clasp_auth::{Scope, account};
use serde_json::Value;

use super::secrets;
use crate::relay::StartError;

/// Bytes of the file.
const BYTES_MAX: u64 = 16 << 20;

/// The tokens in the file.
pub(super) fn read(path: &Path, insecure: bool) -> Result<Vec<Token>, StartError> {
    let file = File::open(path).map_err(|error| secrets::failed(path, "read it", &error))?;
    let text = secrets::read(path, file, (BYTES_MAX, insecure))?;
    parse(&text)
        .map_err(|what| StartError::Access(format!("{}: {what} (--tokens-file)", path.display())))
}

fn parse(text: &str) -> Result<Vec<Token>, String> {
    let list: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match &list["tokens"] {
        Value::Null => entries(&list),
        inner => entries(inner),
    }
}

fn entries(list: &Value) -> Result<Vec<Token>, String> {
    match list {
        Value::Array(entries) => {
            let token = |(number, entry): (usize, &Value)| {
                let place = format!("entry {}", number + 1);
                token(entry, None).map_err(|what| format!("{place}: {what}"))
            };
            entries.iter().enumerate().map(token).collect()
        }
        // The key may be the token itself, so errors count instead.
        Value::Object(entries) => {
            let token = |(number, (key, entry)): (usize, (&String, &Value))| {
                let place = format!("entry {}", number + 1);
                token(entry, Some(key)).map_err(|what| format!("{place}: {what}"))
            };
            entries.iter().enumerate().map(token).collect()
        }
        _ => Err("expected an array or a map of tokens".into()),
    }
}

fn token(entry: &Value, key: Option<&str>) -> Result<Token, String> {
    let secret = entry["token"].as_str().or(key).ok_or("has no token")?;
    let long_enough = secret.len() >= cpsk::PREFIX.len() + 16;
    if !secret.starts_with(cpsk::PREFIX) || !long_enough {
        return Err("a token begins with cpsk_ and has 16 or more characters after that".into());
    }
    let hash = TokenHash::of(secret);
    let scopes = entry["scopes"].as_array().ok_or("has no list of scopes")?;
    let scope = |scope: &Value| {
        let text = scope.as_str().ok_or("a scope is a text")?;
        Scope::parse(text).map_err(|error| error.to_string())
    };
    let subject = match entry["subject"].as_str() {
        Some(subject) if account::is_reserved(subject) => {
            return Err(format!("the subject {subject} is reserved"));
        }
        Some(subject) => subject.to_owned(),
        None => format!("token-{}", &hash.to_string()[..8]),
    };
    Ok(Token {
        hash,
        name: subject.as_str().into(),
        subject: subject.into(),
        holder: Holder::Listed,
        scopes: scopes.iter().map(scope).collect::<Result<_, String>>()?,
        parent: None,
        owner: None,
        issued_unix_s: 0,
        expires_unix_s: expiry(&entry["expires_at"])?,
    })
}

/// Unix seconds, or a time as RFC 3339 writes it in UTC.
fn expiry(value: &Value) -> Result<Option<u64>, String> {
    let odd = || format!("expires_at {value} is neither Unix seconds nor a time in UTC");
    match value {
        Value::Null => Ok(None),
        Value::Number(seconds) => {
            seconds.as_f64().filter(|it| *it >= 0.0).map(|it| Some(it as u64)).ok_or_else(odd)
        }
        Value::String(text) => unix_seconds(text).map(Some).ok_or_else(odd),
        _ => Err(odd()),
    }
}

fn unix_seconds(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', ' '])?;
    let time = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00"))?;
    let time = time.split('.').next()?;
    let numbers = |text: &str, mark: char| -> Option<[u64; 3]> {
        let parts: Vec<u64> = text.split(mark).map(str::parse).collect::<Result<_, _>>().ok()?;
        parts.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(date, '-')?, numbers(time, ':')?);
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !in_range {
        return None;
    }
    // Years that begin in March have their odd day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.checked_sub(719_468)?
        .checked_mul(86_400)
        .map(|it| it + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "cpsk_0123456789abcdef0123456789abcdef";

    #[test]
    fn arrays_and_maps_are_read() {
        let entry = format!(r#"{{"token":"{SECRET}","scopes":["read:/**"],"expires_at":null}}"#);
        let map = format!(r#"{{"{SECRET}":{{"scopes":["write:/a"],"subject":"lamp"}}}}"#);
        let array = parse(&format!("[{entry}]")).unwrap();
        assert_eq!(array[0].hash, TokenHash::of(SECRET));
        assert_eq!(array[0].expires_unix_s, None);
        assert_eq!(&*parse(&map).unwrap()[0].subject, "lamp");
        assert_eq!(parse(&format!(r#"{{"tokens":[{entry}]}}"#)).unwrap().len(), 1);
    }

    #[test]
    fn a_mistake_names_its_entry_and_no_secret() {
        for (scopes, token) in [(r#"["rw:/a"]"#, SECRET), ("3", SECRET), ("[]", "short-secret")] {
            let text = format!(r#"[{{"token":"{token}","scopes":{scopes}}}]"#);
            let error = parse(&text).unwrap_err();
            assert!(error.contains("entry 1") && !error.contains(token), "{error}");
        }
    }

    #[test]
    fn times_are_seconds_or_dates() {
        assert_eq!(unix_seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(unix_seconds("2023-11-14T22:13:20.5Z"), Some(1_700_000_000));
        assert_eq!(unix_seconds("2024-02-29T00:00:00+00:00"), Some(1_709_164_800));
        for odd in ["", "2024-02-29", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00+02:00"] {
            assert_eq!(unix_seconds(odd), None, "{odd}");
        }
    }
}
