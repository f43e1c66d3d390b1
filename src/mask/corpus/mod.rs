//! What must be masked and what must not, as one table each; and the masker's promises, checked on
//! generated texts.

mod innocent;
mod layouts;
mod promises;
mod secrets;

use innocent::*;
use secrets::*;

use super::*;

fn words(command: &str) -> Vec<String> {
    command.split('|').map(str::to_owned).collect()
}

fn file(text: &str) -> String {
    String::from_utf8_lossy(&mask_config_text(text.as_bytes())).into_owned()
}

fn masked_text(text: &str) -> String {
    mask_text(text).into_owned()
}

fn masked_file(path: &str, text: &str) -> String {
    String::from_utf8_lossy(&mask_file(path, text.as_bytes())).into_owned()
}

/// How many secrets are looked for at least, each in one place of one kind.
const SECRETS: usize = 300;

/// How many innocent values there are at least, and how many of so many may be masked.
const INNOCENTS: usize = 200;
const MASKED_OF_THEM: usize = 2;

/// Collects what leaked.
#[derive(Default)]
struct Leaks {
    checked: usize,
    leaked: Vec<String>,
}

impl Leaks {
    fn check(&mut self, what: &str, masked: &str) {
        self.checked += 1;
        if masked.contains(NEEDLE) || !masked.contains(MASK) {
            self.leaked.push(format!("{what}\n   -> {masked}"));
        }
    }

    fn check_file(&mut self, path: &str, text: &str) {
        let masked = mask_file(path, text.as_bytes());
        self.check(text, &String::from_utf8_lossy(&masked));
    }

    fn check_argv(&mut self, argv: &[&str]) {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        self.check(&argv.join(" "), &mask_argv(&argv).join(" "));
    }

    /// A command line wherever one may stand.
    fn check_command(&mut self, command: &str) {
        let argv = words(command);
        self.check(command, &mask_argv(&argv).join("|"));
        for (path, text) in commands_in_files(&argv) {
            self.check_file(path, &text);
        }
        for text in commands_in_texts(&argv) {
            self.check(&text, &mask_text(&text));
        }
    }

    /// A value under a name in a command line, an environment, files, a URL, and variables.
    fn check_named(&mut self, name: &str, value: &str) {
        let (upper, kebab, camel) = (name.to_uppercase(), name.replace('_', "-"), camel(name));
        self.check_argv(&["app", &format!("--{kebab}"), value]);
        self.check_argv(&["app", &format!("--{kebab}={value}")]);
        self.check_argv(&["env", &format!("APP_{upper}={value}"), "app"]);
        self.check_argv(&["sh", "-c", &format!("app --{kebab} '{value}' x")]);
        self.check(&upper, &mask_value(&upper, value));
        self.check_file("a.conf", &format!("[x]\n{name} = {value}\n"));
        self.check_file("a.conf", &format!("; {name}: {value}\n"));
        self.check_file("a.properties", &format!("app.{camel}={value}\n"));
        self.check_file("a.json", &format!("{{\"x\": {{\"{camel}\": \"{value}\"}}}}"));
        self.check_file("a.yaml", &format!("x:\n  - {name}: {value}\n"));
        self.check_file("a.yaml", &format!("x: {{a: 1, {name}: {value}}}\n"));
        self.check_file("a.toml", &format!("[x]\n\"{kebab}\" = \"{value}\"\n"));
        self.check(name, &mask_text(&format!("https://h/p?x=1&{name}={value}&y=2")));
        self.check(name, &mask_value(name, value));
        self.check(name, &mask_text(&format!("{{'a': 1, '{name}': '{value}'}}")));
        self.check(name, &mask_text(&format!("Foo(a=1, {camel}='{value}')")));
    }
}

/// A word as a shell needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    match word {
        word if word.chars().all(plain) => word.to_owned(),
        word if word.contains('\'') => format!("\"{word}\""),
        word => format!("'{word}'"),
    }
}

/// A command line as one text and as a list.
fn commands_in_texts(argv: &[String]) -> Vec<String> {
    let line = argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let list = |quote: &str| {
        let words: Vec<_> = argv.iter().map(|word| format!("{quote}{word}{quote}")).collect();
        format!("[{}]", words.join(", "))
    };
    let mut texts = vec![
        line.clone(),
        format!("cd /srv/a && {line}; ps -p 1"),
        format!("ExecStart=/usr/bin/{line}"),
        format!("first\n  {line}\nlast"),
    ];
    if argv.iter().all(|word| !word.contains(['"', '\''])) {
        texts.push(list("'"));
        texts.push(format!("sh -c \"{line}\""));
    }
    if argv.iter().all(|word| !word.contains('"')) {
        texts.push(list("\""));
    }
    texts
}

/// A command line in files of any kind.
fn commands_in_files(argv: &[String]) -> Vec<(&'static str, String)> {
    let shell: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
    let line = shell.join(" ");
    let json = |line: &str| serde_json::to_string(line).unwrap_or_default();
    let words: Vec<String> = argv.iter().map(|word| json(word)).collect();
    let on_lines = |before: &str, behind: &str| {
        let line = |word: &String| format!("{before}{word}{behind}\n");
        words.iter().map(line).collect::<String>()
    };
    let mut files = vec![
        ("a.service", format!("[Service]\nExecStart=/usr/bin/{line}\n")),
        ("a.service", format!("[Service]\nExecStart={}\n", shell.join(" \\\n  "))),
        ("a.conf", format!("[program:x]\ncommand={line}\n")),
        ("a.conf", format!("# command = {line}\n")),
        ("a.sh", format!("#!/bin/sh\nexec {line}\n")),
        ("a.json", format!("{{\"a\": {}, \"b\": 1}}", json(&line))),
        ("a.json", format!("{{\"a\": [{}]}}", words.join(","))),
        ("a.json", format!("{{\n \"a\": [\n{} \"x\"\n ]\n}}\n", on_lines("  ", ","))),
        ("a.yaml", format!("a: [{}]\nb: 1\n", words.join(", "))),
        ("a.yaml", format!("a:\n{}b: 1\n", on_lines("  - ", ""))),
        ("a.yaml", format!("a:\n{}b: 1\n", on_lines("- ", ""))),
        ("a.toml", format!("a = [{}]\n", words.join(", "))),
        ("a.toml", format!("a = [\n{}]\n", on_lines("  ", ","))),
        ("a.toml", format!("a = {}\n", json(&line))),
    ];
    if !line.contains(": ") && !line.contains(['{', '"', '#']) {
        files.push(("a.yaml", format!("a: {line}\nb: 1\n")));
        files.push(("a.yaml", format!("a: {{cmd: {line}, b: 1}}\n")));
        files.push(("a.yaml", format!("a: >-\n  {line}\nb: 1\n")));
    }
    files
}

/// `admin_pass` as `adminPass`.
fn camel(name: &str) -> String {
    let mut upper = false;
    let char = |c: char| {
        let begins = std::mem::replace(&mut upper, c == '_');
        (c != '_').then(|| if begins { c.to_ascii_uppercase() } else { c })
    };
    name.chars().filter_map(char).collect()
}

#[test]
fn no_secret_of_the_corpus_leaks() {
    let mut leaks = Leaks::default();
    for text in SECRET_TEXTS {
        leaks.check(text, &mask_text(text));
        leaks.check_argv(&[text]);
        leaks.check_file("a.conf", &format!("option = {text}\n"));
        leaks.check(text, &mask_value("option", text));
    }
    for name in SECRET_NAMES.iter().chain(OSLO_NAMES).chain(SCANNER_NAMES) {
        leaks.check_named(name, NEEDLE);
        leaks.check_named(name, "p@s/hunter2");
    }
    for (name, value) in DOUBTFUL {
        leaks.check(name, &mask_value(name, value));
        leaks.check_file("a.conf", &format!("{name} = {value}\n"));
        leaks.check_file("a.json", &format!("{{\"{name}\": \"{value}\"}}"));
    }
    for command in SECRET_COMMANDS {
        leaks.check_command(command);
    }
    for text in SECRET_FILES {
        leaks.check_file("", text);
    }
    let Leaks { checked, leaked } = leaks;
    assert!(checked >= 10 * SECRETS, "only {checked}");
    assert!(leaked.is_empty(), "{} of {checked} leaked:\n{}", leaked.len(), leaked.join("\n"));
}

#[test]
fn at_most_two_innocent_values_of_two_hundred_are_masked() {
    let mut masked = Vec::new();
    for (name, value) in INNOCENT {
        let lines = [format!("{name} = {value}\n"), format!("{name}: {value}\n")];
        let shown = mask_value(name, value);
        let pair = [format!("--{name}"), (*value).to_owned()];
        let argv = [&["app".to_owned(), format!("--{name}={value}")], &pair[..]].concat();
        if shown != *value || lines.iter().any(|line| file(line) != *line) {
            masked.push(format!("{name} = {value} -> {shown}"));
        } else if mask_argv(&argv) != argv {
            masked.push(format!("{argv:?} -> {:?}", mask_argv(&argv)));
        }
    }
    for command in INNOCENT_COMMANDS {
        let argv = words(command);
        if mask_argv(&argv) != argv {
            masked.push(format!("{command} -> {:?}", mask_argv(&argv)));
        }
        let texts =
            commands_in_texts(&argv).into_iter().map(|text| (text.clone(), masked_text(&text)));
        let files = commands_in_files(&argv).into_iter();
        let files = files.map(|(path, text)| (text.clone(), masked_file(path, &text)));
        masked.extend(
            texts
                .chain(files)
                .filter(|(text, shown)| text != shown)
                .map(|(text, shown)| format!("{text} -> {shown}")),
        );
    }
    let count = INNOCENT.len() + INNOCENT_COMMANDS.len();
    assert!(count >= INNOCENTS, "only {count}");
    let most = count * MASKED_OF_THEM / INNOCENTS;
    assert!(masked.len() <= most, "{} of {count}:\n{}", masked.len(), masked.join("\n"));
}

/// Whether a YAML or TOML text is one.
fn is_parseable(path: &str, text: &str) -> Result<(), String> {
    match path {
        "a.toml" => toml::from_str::<toml::Table>(text).map(drop).map_err(|e| e.to_string()),
        _ => {
            let mut events = saphyr_parser::Parser::new_from_str(text);
            events.try_for_each(|event| event.map(drop)).map_err(|e| e.to_string())
        }
    }
}

#[test]
fn yaml_and_toml_are_still_that_when_their_secrets_are_masked() {
    let yaml = YAML_FILES.iter().map(|text| ("a.yaml", text));
    let toml = TOML_FILES.iter().map(|text| ("a.toml", text));
    for (path, text) in yaml.chain(toml) {
        assert_eq!(is_parseable(path, text), Ok(()), "{text}");
        let masked = String::from_utf8(mask_file(path, text.as_bytes())).unwrap_or_default();
        assert_eq!(is_parseable(path, &masked), Ok(()), "{text}\n-> {masked}");
        assert!(!masked.contains(NEEDLE), "{text}\n-> {masked}");
        assert!(masked.contains("keep"), "{text}\n-> {masked}");
        assert_eq!(masked.lines().count(), text.lines().count());
    }
}

/// JSON with the members of every object the other way round.
fn turned_round(value: &serde_json::Value) -> String {
    use serde_json::Value;
    let joined = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), turned_round(value))
            };
            format!("{{{}}}", joined(members.iter().rev().map(member).collect()))
        }
        Value::Array(items) => format!("[{}]", joined(items.iter().map(turned_round).collect())),
        other => other.to_string(),
    }
}

#[test]
fn the_order_of_names_tells_nothing() {
    for (path, text, masked) in layouts::LAYOUTS {
        let Ok(value) = serde_json::from_str(text) else { continue };
        let expected: serde_json::Value = serde_json::from_str(masked).unwrap_or_default();
        for text in [turned_round(&value), value.to_string()] {
            let masked: serde_json::Value =
                serde_json::from_str(&masked_file(path, &text)).unwrap_or_default();
            assert_eq!(masked, expected, "{text}");
        }
    }
}

#[test]
fn only_the_secret_part_goes() {
    for (text, masked) in [
        ("rabbit://u:p@h1:5672,u:p@h2:5672//", "rabbit://u:***@h1:5672,u:***@h2:5672//"),
        ("mysql+pymysql://u:p@ss/w@host/db", "mysql+pymysql://u:***@host/db"),
        ("http://u:p@h/x?mail=a@b.c", "http://u:***@h/x?mail=a@b.c"),
        ("redis://:p@h:6379/0", "redis://:***@h:6379/0"),
        ("amqp://u:p@h;amqp://u:q@i", "amqp://u:***@h;amqp://u:***@i"),
        ("host=h password=p dbname=d", "host=h password=*** dbname=d"),
        ("Foo(a=1, password=p, x=1)", "Foo(a=1, password=***, x=1)"),
        ("Authorization: Basic abc", "Authorization: Basic ***"),
    ] {
        assert_eq!(mask_text(text), masked);
    }
    let argv = ["mysql", "-uroot", "-ppw", "db"].map(str::to_owned);
    assert_eq!(mask_argv(&argv), ["mysql", "-uroot", "-p***", "db"]);
}

#[test]
fn what_a_masked_word_does_not_show_is_told_part_by_part() {
    for (word, parts) in [
        ("rabbit://u:one@h1,u:two@h2//", &["one", "two"][..]),
        ("mysql://u:p@ss/w@host/db", &["p@ss/w"]),
        ("--password=x", &["x"]),
        ("plain", &[]),
        ("a ghp_abcdefghijklmnopqrstuvwxyz b", &["ghp_abcdefghijklmnopqrstuvwxyz"]),
    ] {
        let masked = mask_argv(&["app".into(), word.into()]).pop().unwrap_or_default();
        assert_eq!(hidden_parts(word, &masked), parts, "{masked}");
    }
    // What can not be told apart is one part.
    assert_eq!(hidden_parts("onetwo", "******"), ["onetwo"]);
    assert_eq!(hidden_parts("a1c", "a***b***c"), ["1"]);
}

#[test]
fn prose_and_conditions_of_a_file_are_no_directives() {
    for text in [
        "description: |\n  A JWT for the API\n  Send a token that you got\n",
        "frontend x\n  http-request deny if { path /token } !{ src 10.0.0.0/8 }\n",
        "  - /secrets:/secrets:ro\n",
        "passwd:         files systemd\n",
        "[Service]\nLoadCredential=name:/path\n",
    ] {
        assert_eq!(masked_file("a.yaml", text), text);
        assert_eq!(masked_file("a.conf", text), text);
    }
}

#[test]
fn a_masked_file_keeps_its_form() {
    let text = "[a]\n# note\npassword = \"x y\"\n  more\nurl: http://u:p@h/\nsecret \"a\";\n\n";
    let masked =
        "[a]\n# note\npassword = \"***\"\n  ***\nurl: http://u:***@h/\nsecret \"***\";\n\n";
    assert_eq!(file(text), masked);
    let text = "{\n  \"password\": 12,\n  \"a\": [1, true],\n  \"tokens\": [\"x\", 2]\n}\n";
    let masked =
        "{\n  \"password\": \"***\",\n  \"a\": [1, true],\n  \"tokens\": [\"***\", \"***\"]\n}\n";
    assert_eq!(file(text), masked);
}
