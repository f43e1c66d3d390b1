//! The masker: files of every form, command lines, values, URLs, JSON, XML, here-documents. What it
//! has masked it leaves alone, and lines stay lines.

use guru::mask::{mask_argv, mask_file, mask_list, mask_text, mask_value};

use crate::campaign;

/// What secrets stand in and beside.
const WORDS: [&str; 28] = [
    "password",
    "=",
    ": ",
    "***",
    "\"",
    "'",
    "\\",
    "://",
    "a:b@c",
    "{",
    "}",
    "[",
    "]",
    "<",
    "</",
    ">",
    "\n",
    "\r",
    "\t",
    "<<EOF\n",
    "EOF\n",
    "-----BEGIN RSA PRIVATE KEY-----\n",
    "--token ",
    "-p",
    "#",
    ";",
    "$6$",
    "Authorization: ",
];

const TEXTS: [&str; 9] = [
    "db://user:pass@host/db?password=x&token=y a=b",
    "{\"password\": \"x\", \"a\": [{\"name\": \"TOKEN\", \"value\": \"y\"}]}",
    "<config><password>x</password><a secret=\"y\"/></config>\n",
    "export PASSWORD='a b'\ncat <<EOF\npassword=x\nEOF\n",
    "password: |\n  x\n  y\ntokens:\n - a\n - b\n{secret: z}\n",
    "mysql -psecret -u root --password=x; curl -u a:b https://c:d@e/f\n",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\nkey = \"\"\"a\nb\"\"\"\n",
    "http { auth \"user:x\"; proxy_set_header Authorization \"Basic abc\"; }\n",
    "[{rabbit, [{password, <<\"x\">>}, {default_pass, \"y\"}]}].\n",
];

const PATHS: [&str; 9] =
    ["", "a.yaml", "a.json", "a.xml", "a.toml", "a.env", "nginx.conf", "a.config", "a.properties"];

fn seeds() -> Vec<&'static [u8]> {
    TEXTS.iter().map(|text| text.as_bytes()).collect()
}

#[test]
fn files() {
    let parse = |bytes: &[u8]| {
        let path = PATHS[bytes.len() % PATHS.len()];
        let masked = mask_file(path, bytes);
        let lines = |text: &str| text.matches('\n').count();
        let text = String::from_utf8_lossy(bytes);
        assert_eq!(lines(&text), lines(&String::from_utf8_lossy(&masked)), "{path}: {text:?}");
    };
    campaign::texts("mask: files", &seeds(), &WORDS, parse);
}

#[test]
fn texts_values_and_command_lines() {
    let parse = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        mask_text(&text);
        let (name, value) = text.split_at(text.floor_char_boundary(text.len() / 3));
        mask_value(name, value);
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        assert_eq!(mask_argv(&words).len(), words.len());
        mask_list(words.iter().map(String::as_str));
    };
    campaign::texts("mask: texts", &seeds(), &WORDS, parse);
}
