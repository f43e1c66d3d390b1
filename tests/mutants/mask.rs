//! The masker: files of every form, command lines, values, URLs, JSON, XML, here-documents. What it
//! has masked it leaves alone, and lines stay lines.

use crate::{campaign, parsers};

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

fn seeds() -> Vec<&'static [u8]> {
    TEXTS.iter().map(|text| text.as_bytes()).collect()
}

#[test]
fn files() {
    campaign::texts("mask: files", &seeds(), &WORDS, parsers::masked_file);
}

#[test]
fn texts_values_and_command_lines() {
    campaign::texts("mask: texts", &seeds(), &WORDS, parsers::masked_text);
}
