//! References to secrets, `env:NAME` and `file:PATH`; a secret itself has no place in the fleet file.

use secrecy::SecretString;

use super::field::{Field, kind};

/// Where a secret is kept.
enum Reference<'a> {
    Variable(&'a str),
    File(&'a str),
}

impl Field<'_> {
    /// The secret that this key refers to. Whatever is wrong, no part of a secret is shown.
    pub(super) fn secret(&self, variable: &str) -> Option<SecretString> {
        let Some(text) = self.item.as_str() else {
            self.fault(
                format!("expected a reference to a secret, found {}", kind(self.item)),
                cure(variable),
            );
            return None;
        };
        let secret = match reference(text) {
            Some(Reference::Variable(name)) => self.variable_value(name, variable),
            Some(Reference::File(path)) => self.file_value(path),
            None => {
                self.fault("a secret must not stand in this file", cure(variable));
                None
            }
        }?;
        if secret.is_empty() {
            self.fault("the secret referred to is empty", "give it a value");
            return None;
        }
        Some(SecretString::from(secret))
    }

    /// The reference itself, with a path that does not depend on where the file stands.
    pub(super) fn whole_reference(&self) -> Option<String> {
        match reference(self.item.as_str()?)? {
            Reference::Variable(name) => Some(format!("env:{name}")),
            Reference::File(path) => Some(format!("file:{}", self.reading.base_dir.join(path).display())),
        }
    }

    /// Whether the text is a reference and not the thing itself.
    pub(super) fn is_reference(text: &str) -> bool {
        reference(text).is_some()
    }

    fn variable_value(&self, name: &str, example: &str) -> Option<String> {
        // What is no name may be a secret in the wrong place, so it is not repeated.
        if !is_variable_name(name) {
            self.fault("env: is not followed by the name of a variable", cure(example));
            return None;
        }
        let value = self.reading.environment.variable(name);
        if value.is_none() {
            let wrong = format!("the environment variable {name} is not set");
            self.fault(wrong, format!("set {name} where muster starts, or name another"));
        }
        value
    }

    fn file_value(&self, path: &str) -> Option<String> {
        if path.is_empty() {
            self.fault("file: is not followed by a path", "write \"file:/run/secrets/name\", say");
            return None;
        }
        let path = self.reading.path(path);
        match self.reading.environment.file(&path) {
            Ok(file) => {
                if file.open_to_others {
                    let wrong = format!("every user of this machine may read {}", path.display());
                    self.reading.warn(self.at, &self.path, wrong, format!("chmod o= {}", path.display()));
                }
                Some(file.text.trim_end_matches(['\r', '\n']).to_owned())
            }
            Err(error) => {
                let wrong = format!("{} cannot be read: {error}", path.display());
                self.fault(wrong, "write the secret there; a relative path starts at the fleet file");
                None
            }
        }
    }
}

fn cure(variable: &str) -> String {
    format!("refer to it: \"env:{variable}\" or \"file:/run/secrets/{}\"", variable.to_lowercase())
}

fn reference(text: &str) -> Option<Reference<'_>> {
    let variable = text.strip_prefix("env:").map(Reference::Variable);
    variable.or_else(|| text.strip_prefix("file:").map(Reference::File))
}

fn is_variable_name(name: &str) -> bool {
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    begins_well && name.len() <= 128 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
