//! Configuration files of every form, and what is printed of any text.

use guru::render::sanitize;

use crate::{campaign, parsers};

/// A file of each form, by a name that tells it.
const FILES: [(&str, &str, &[&str]); 12] = [
    (
        "a.ini",
        "[DEFAULT]\ndebug = true\nhosts = a,\n  b\n; c\n[db]\nurl=x\n",
        &["[", "]", "=", "\n "],
    ),
    ("a.properties", "a.b=c\nd: e\n# f\ng h\\\n  i\nj=\\u0041\n", &["\\", "\\u", "=", ":", "\n"]),
    (
        "a.json",
        r#"{"a": {"b": [1, 2.5, "c", null, true]}, "d": "\u00e9"}"#,
        &["{", "[", "]", "}", "\"", "\\u", ","],
    ),
    (
        "nginx.conf",
        "http { server { listen 80; location / { root \"/a b\"; } } } # c\n",
        &["{", "}", ";", "\"", "'", "#"],
    ),
    (
        "a.hcl",
        "listener \"tcp\" {\n address = \"a\"\n x = <<EOF\n b\nEOF\n}\n",
        &["{", "}", "<<EOF\n", "EOF\n", "\"", "="],
    ),
    (
        "redis.conf",
        "port 6379\nsave 900 1\nuser a on >b ~* +@all\n# c\n",
        &["\"", "\\", " ", "\n", "#"],
    ),
    ("postgresql.conf", "a = 'b''c' # d\ninclude_dir 'e'\nf g\n", &["'", "#", "=", "\\"]),
    (
        "apache2.conf",
        "<VirtualHost *:80>\n ServerName \"a\"\n <IfModule b>\n c d\\\n e\n </IfModule>\n</VirtualHost>\n",
        &["<", "</", ">", "\"", "\\\n"],
    ),
    (
        "a.yaml",
        "a: &b\n  c: [1, {d: e}]\n  f: |\n   g\n  h: *b\n- i\n? j\n: k\n---\nl: !!str m\n",
        &["&a ", "*a", "[", "{", "- ", "? ", ": ", "|\n", "'", "\"", "\n  ", "---\n"],
    ),
    (
        "a.toml",
        "a = 1\n[b.c]\nd = [\"e\", '''f\n''', {g = 2}]\n[[h]]\ni = 1979-05-27\n",
        &["[", "]", "[[", "{", "'''", "\"\"\"", ".", "="],
    ),
    ("fstab", "/dev/a / ext4 rw 0 1\n# b\nc d e\n", &["\t", " ", "\n", "\\040"]),
    (
        "advanced.config",
        "[{rabbit, [{a, <<\"b\">>}, {c, \"d\"}]}].\n%% e\n",
        &["[", "{", "<<\"", "\"", "%", "}", "]"],
    ),
];

#[test]
fn every_form_of_a_file() {
    for (path, text, words) in FILES {
        let parse = |bytes: &[u8]| {
            parsers::configuration(path, bytes);
            // As of a file whose name tells nothing.
            parsers::configuration("", bytes);
        };
        campaign::texts(path, &[text.as_bytes()], words, parse);
    }
}

#[test]
fn files_of_oslo_config() {
    let seed =
        b"[DEFAULT]\ndebug=true\nlog = a\n  b\n\n[nova.x]\nurl : rabbit://a:b@c,d:e@f\n# g\n";
    campaign::texts(
        "oslo.config",
        &[seed],
        &["[", "]", "=", ":", "\n ", "%(a)s", "$a"],
        parsers::oslo_configuration,
    );
}

#[test]
fn what_is_made_fit_for_a_terminal() {
    let seed = "\u{1b}]0;pwn\u{7}\u{1b}[2J a\nb\u{202e}c\u{200b}\u{3164}\u{fe0f}d\r\n".as_bytes();
    let parse = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let line = sanitize::line(&text);
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
        for line in sanitize::lines(&text) {
            assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
        }
        guru::render::name::at_start(&text);
    };
    campaign::texts("sanitizer", &[seed], &["\n", "\u{1b}[", "\u{202e}", "\r"], parse);
}
